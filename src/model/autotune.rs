//! Where what the GPU's runtime found out about kernels is kept between runs.
//!
//! On wgpu, matrix products and reductions have several kernels each, and the runtime tries them on the first use of every
//! rounded shape. Built with the feature `keep-autotune`, the winners are kept in a file of the user's cache folder, and the
//! next process takes them from there. Which kernel wins changes last bits on a GPU, never which numbers are asked for.
//!
//! # Decisions
//!
//! - 2026-11: a feature of its own and not part of `wgpu`: burn keeps these results in an embedded database, some hundred crates
//!   more to build.
//! - 2026-11: in the user's cache folder. burn's own default is `target/environment` of whatever Cargo project the working
//!   directory lies in, which would scatter them. A `cubecl.toml` or `burn.toml` that names another place is honoured.

use std::path::{Path, PathBuf};

/// Where the results are kept: `promptmine/autotune` in the user's cache folder (`XDG_CACHE_HOME`, on Windows `LOCALAPPDATA`,
/// else `.cache` in the home folder). None in a build without the feature `keep-autotune`, or where there is no home.
#[must_use]
pub fn autotune_folder() -> Option<PathBuf> {
    cfg!(feature = "keep-autotune")
        .then(|| place(&|name| std::env::var_os(name).map(PathBuf::from), std::env::home_dir().as_deref()))
        .flatten()
}

fn place(variable: &dyn Fn(&str) -> Option<PathBuf>, home: Option<&Path>) -> Option<PathBuf> {
    // A relative path there means nothing, says the XDG standard.
    let set = |name: &str| variable(name).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME")
        .or_else(|| cfg!(windows).then(|| set("LOCALAPPDATA")).flatten())
        .or_else(|| home.map(|home| home.join(".cache")))?;
    Some(cache.join("promptmine").join("autotune"))
}

/// Points the runtime to [`autotune_folder`]; before the first device is opened. A folder that cannot be written costs the
/// results, nothing else.
#[cfg(feature = "keep-autotune")]
pub(super) fn keep() {
    use burn::cubecl::config::cache::CacheConfig;
    use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

    let asked = CubeClRuntimeConfig::get();
    if let (CacheConfig::Target, Some(folder)) = (&asked.environment.path, autotune_folder()) {
        burn::cubecl::environment::set_root(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lie_in_the_users_cache_folder() {
        let home = Path::new(if cfg!(windows) { r"C:\me" } else { "/home/me" });
        let none = |_: &str| None;
        assert_eq!(place(&none, Some(home)), Some(home.join(".cache").join("promptmine").join("autotune")));
        assert_eq!(place(&none, None), None);
        let other = home.join("caches");
        let set = |name: &str| (name == "XDG_CACHE_HOME").then(|| other.clone());
        assert_eq!(place(&set, Some(home)), Some(other.join("promptmine").join("autotune")));
        let relative = |name: &str| (name == "XDG_CACHE_HOME").then(|| PathBuf::from("caches"));
        assert_eq!(place(&relative, Some(home)), place(&none, Some(home)));
    }

    #[test]
    fn a_build_without_the_feature_keeps_nothing() {
        assert_eq!(autotune_folder().is_some(), cfg!(feature = "keep-autotune"));
    }
}
