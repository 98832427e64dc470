//! A table of the page, column by column, without those that say nothing.

use super::markup::Markup;

/// Puts a cell's content into its element.
type Fill<'a, R> = Box<dyn Fn(&R, &mut Markup) + 'a>;

struct Column<'a, R> {
    header: String,
    help: &'static str,
    class: &'static str,
    fill: Fill<'a, R>,
}

/// A table whose rows are `R`.
pub(super) struct Table<'a, R> {
    columns: Vec<Column<'a, R>>,
}

impl<'a, R> Table<'a, R> {
    /// Without columns yet.
    pub(super) fn new() -> Self {
        Self { columns: Vec::new() }
    }

    /// A column; `class` is `n` for numbers, `t` for short words, `prompt` for long text. It is left out where it is empty in every row.
    pub(super) fn column(
        &mut self,
        header: impl Into<String>,
        help: &'static str,
        class: &'static str,
        fill: impl Fn(&R, &mut Markup) + 'a,
    ) -> &mut Self {
        self.columns.push(Column { header: header.into(), help, class, fill: Box::new(fill) });
        self
    }

    /// Draws it over the rows; nothing without rows.
    pub(super) fn draw(&self, html: &mut Markup, rows: &[R]) {
        let cells = |column: &Column<'a, R>| -> Vec<Markup> {
            let cell = |row| {
                let mut cell = Markup::default();
                (column.fill)(row, &mut cell);
                cell
            };
            rows.iter().map(cell).collect()
        };
        let mut columns: Vec<(&Column<'a, R>, std::vec::IntoIter<Markup>)> = (self.columns.iter())
            .map(|column| (column, cells(column)))
            .filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()))
            .map(|(column, cells)| (column, cells.into_iter()))
            .collect();
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        html.element("div", &[("class", "wide")], |html| {
            html.element("table", &[], |html| {
                html.element("thead", &[], |html| {
                    html.element("tr", &[], |html| {
                        for (column, _) in &columns {
                            let mut attributes = vec![("scope", "col"), ("class", column.class)];
                            attributes.extend((!column.help.is_empty()).then_some(("title", column.help)));
                            html.leaf("th", &attributes, &column.header);
                        }
                    });
                });
                html.element("tbody", &[], |html| {
                    for _ in rows {
                        html.element("tr", &[], |html| {
                            for (column, cells) in &mut columns {
                                let cell = cells.next().unwrap_or_default();
                                html.element("td", &[("class", column.class)], |html| html.append(cell));
                            }
                        });
                    }
                });
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_columns_are_left_out_and_an_empty_table_is_nothing() {
        let mut table = Table::new();
        table.column("a", "", "n", |n: &u32, html| html.text(&n.to_string())).column("b", "what", "t", |_, _| {});
        let mut html = Markup::default();
        table.draw(&mut html, &[]);
        assert!(html.is_empty());
        table.draw(&mut html, &[7]);
        let html = html.finish();
        assert!(html.contains("<td class=\"n\">7</td>") && !html.contains(">b<"), "{html}");
    }
}
