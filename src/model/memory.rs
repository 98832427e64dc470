//! How much memory this machine has to spare.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Bytes that this process may still take: what the system has available, and no more than is left of the control group that
/// the process runs in (a container's limit). Nothing where the system does not say.
pub(super) fn free_memory() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    let available = Some(system.available_memory()).filter(|&bytes| bytes > 0)?;
    let left = system.cgroup_limits().map(|group| group.total_memory.saturating_sub(group.rss));
    Some(left.filter(|&left| left > 0).map_or(available, |left| left.min(available)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_runs_a_test_has_some_memory_left() {
        let free = free_memory();
        assert!(free.is_none_or(|bytes| bytes > 1 << 20), "{free:?}");
        assert!(cfg!(not(target_os = "linux")) || free.is_some());
    }
}
