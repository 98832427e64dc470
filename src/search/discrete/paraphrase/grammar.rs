//! The words that hold a sentence together, in English and in Chinese: each stands for its own kind only.
//!
//! A model without knowledge of the task would as soon say `not` as `very`, and a small one `it a` for `it is`. These lists keep
//! its answers to what may stand in the same place of a sentence.

/// A kind of words that carry no meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It would turn the meaning round.
    Negation,
    /// `it`, `我们`
    Pronoun,
    /// `the`, `这`
    Determiner,
    /// `is`, `是`: the verb that stands before the answer.
    Copula,
    /// `has`, `would`
    Auxiliary,
    /// `of`, `在`
    Preposition,
    /// `and`, `但`
    Conjunction,
    /// `two`, `一`
    Number,
    /// `个`
    Measure,
    /// `的`
    Particle,
    /// `很`: the words of degree and time that Chinese puts before a verb. English ones are not listed: they go where others go.
    Adverb,
}

const CLASSES: [(Class, &str); 11] = [
    (
        Class::Negation,
        "not no never none nor neither nothing nobody nowhere hardly cannot without ain't aren't can't couldn't didn't doesn't don't \
         hadn't hasn't haven't isn't let's shouldn't wasn't weren't won't wouldn't \
         不 没 没有 无 非 未 别 莫 勿 否 不是 不会 不能 毫无",
    ),
    (
        Class::Pronoun,
        "i you he she it we they me him her us them myself yourself himself herself itself ourselves yourselves themselves mine yours hers \
         ours theirs who whom which what there here everyone everybody everything someone something anyone anything \
         我 你 您 他 她 它 咱 其 谁 我们 你们 他们 她们 它们 咱们 大家 自己 自身 本人 我个人 什么 啥 何 哪里 哪儿",
    ),
    (
        Class::Determiner,
        "a an the this that these those my your his its our their whose each every any some all both either another such other much many \
         more most few 这 那 此 该 本 这个 那个 这一个 这部 那部 本部 此部 这家 那家 此家 每 各 某",
    ),
    (Class::Copula, "is are was were 是 就是 算是 属于"),
    (
        Class::Auxiliary,
        "be am been being do does did done doing have has had having can could may might must shall should will would \
         i'm it's that's there's i've i'd i'll",
    ),
    (
        Class::Preposition,
        "about above across after against along among around as at before behind below beside between beyond by down during except for from \
         in inside into like near of off on onto out outside over past since than through to toward towards under until up upon via with \
         within 在 从 对 向 把 被 给 由 于 往 跟 关于 有关 针对",
    ),
    (
        Class::Conjunction,
        "and but or if because although though while when where why how whether unless whereas then thus hence yet \
         和 与 及 以及 或 或者 但 但是 而 而且 并且 因为 由于 所以 因此 如果 虽然 尽管 可是 不过 然而 要是 假如 倘若 若 无论 不管 不论 因而 于是 故此 \
         只因 虽说 况且 同时 要么 或是 例如 比如 譬如",
    ),
    (
        Class::Number,
        "one two three four five six seven eight nine ten first second third last half once twice \
         一 二 两 三 四 五 六 七 八 九 十 百 千 几 多少 一些 一次 一回 一趟 一点",
    ),
    (Class::Measure, "个 家 部 间 座 所 次 种 款 件 位 条 名 本 场 张 台 套 些 点 句 段 篇"),
    (Class::Particle, "的 地 得 了 着 过 们 吗 呢 吧 啊 呀 嘛 哦 之 者 之间 当中 里面"),
    (
        Class::Adverb,
        "非常 十分 很 特别 极其 相当 极为 格外 真 真的 真是 确实 的确 实在 太 过于 过分 最 最为 顶 更 更加 越发 更为 比较 较 较为 相对 有点 有些 \
         有点儿 略 稍微 稍 几乎 差不多 近乎 将近 完全 彻底 全然 压根 都 全 全都 均 只 仅 仅仅 只有 光 也 亦 同样 还 还是 仍然 仍 依然 又 再 再次 再度 \
         已经 已 早已 早就 刚刚 刚 刚才 方才 马上 立刻 立即 立马 经常 常常 常 时常 往往 一直 始终 向来 从来 有时 有时候 偶尔 突然 忽然 猛然 逐渐 渐渐 慢慢 \
         逐步 大约 大概 约 左右 可能 也许 或许 兴许 必须 必需 务必 一定要 应该 应 应当 该 可以 能 能够 其实 当然 自然 固然 尤其 显然 明显 只是 还有 \
         最后 最终 一样 相同 相似 类似 相近 不同 不一样 以下 以上 下列 上述 很多 许多 好多 不少 之前 之后 以前 以后 过去 从前 今后 往后 现在 如今 目前 \
         当前 今天 今日 当天 这次 此次 本次 整个 全部 所有",
    ),
];

/// The words of two letters or one that stand in English texts; what else is so short is an abbreviation or a piece of a word.
const SHORT_WORDS: &str = "ah ex go ha hi hm oh ok ox so tv";

/// The kind of a lower-case word; `None` for words with a meaning, which may stand for each other.
pub fn class_of(word: &str) -> Option<Class> {
    CLASSES.iter().find(|(_, words)| is_listed(words, word)).map(|(class, _)| *class)
}

/// Whether an answer of the model may stand where a word stood: never another person for a person, nor `be` for `is`.
pub fn may_replace(old: &str, new: &str) -> bool {
    class_of(new) == class_of(old)
        && !matches!(
            class_of(new),
            Some(Class::Negation | Class::Pronoun | Class::Auxiliary | Class::Number | Class::Measure)
        )
}

/// Whether an answer of the model may be put in: a word with a meaning, in Chinese one of degree or time.
pub fn may_come(word: &str) -> bool {
    let han = word.chars().all(super::word::is_han);
    class_of(word) == han.then_some(Class::Adverb)
}

/// Whether a word may be left out: one with a meaning, or a Chinese pronoun or conjunction.
pub fn may_go(word: &str) -> bool {
    match class_of(word) {
        None | Some(Class::Adverb) => true,
        Some(Class::Pronoun | Class::Conjunction) => word.chars().all(super::word::is_han),
        Some(_) => false,
    }
}

/// Whether something may be put in before a word. What Chinese puts in goes before `是` and its like.
pub fn may_follow(word: &str) -> bool {
    match class_of(word) {
        class if word.chars().all(super::word::is_han) => class == Some(Class::Copula),
        class => !matches!(class, Some(Class::Measure | Class::Particle)),
    }
}

/// Whether something may be put in between a Chinese word and the answer: not where the answer is counted, as in `一个{mask}`.
pub fn may_precede(word: &str) -> bool {
    !matches!(class_of(word), Some(Class::Number | Class::Measure | Class::Particle))
}

/// Whether a lower-case word holds a sentence together, or is one of the shortest.
pub fn is_common(word: &str) -> bool {
    class_of(word).is_some() || is_listed(SHORT_WORDS, word)
}

fn is_listed(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|listed| listed == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_their_own_kind_only() {
        assert!(may_replace("was", "is") && may_replace("movie", "show") && may_replace("很", "非常"));
        assert!(!may_replace("它", "我") && !may_replace("is", "be") && !may_replace("酒店", "真的"));
        assert!(!may_replace("was", "a") && !may_replace("它", "但") && !may_replace("movie", "it"));
        assert!(!may_replace("很", "不") && !may_replace("not", "never"));
        assert!(may_come("really") && !may_come("not") && !may_come("的") && !may_come("that"));
        assert!(may_come("很") && !may_come("酒店"));
        assert!(may_go("really") && may_go("它") && !may_go("was") && !may_go("it") && !may_go("不"));
        assert!(!may_follow("个") && !may_follow("酒店") && may_follow("是") && may_follow("film"));
        assert!(!may_precede("个") && may_precede("酒店"));
    }

    #[test]
    fn the_words_between_the_words_are_known() {
        assert!(is_common("it") && is_common("tv") && !is_common("th") && !is_common("film"));
    }
}
