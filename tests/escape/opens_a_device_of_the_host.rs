//! Opens devices of the host: memory, disks, kernel log, KVM, input, tunnels.
//!
//! - Area: devices
//! - Known: the Go aigate's tests
//! - Held by: `/dev` holds the harmless nodes only

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let mut present = 0;
    for node in [
        "mem",
        "kmem",
        "port",
        "kmsg",
        "kvm",
        "fuse",
        "vda",
        "sda",
        "nvme0n1",
        "loop-control",
        "loop0",
        "net/tun",
        "vsock",
        "vhost-vsock",
        "vhost-net",
        "uinput",
        "input/event0",
        "tty0",
        "tty1",
        "console0",
        "btrfs-control",
        "mapper/control",
        "userfaultfd",
        "uhid",
        "snapshot",
        "hwrng",
        "vcs",
        "dri/card0",
    ] {
        let act = format!("test -e /dev/{node}");
        let inside = world.sandboxed(&act);
        assert!(inside.reached && !inside.ok(), "ESCAPE: /dev/{node}");
        present += u32::from(world.control(&act).ok());
    }
    assert!(
        present > 0,
        "control arm: this host has none of the devices"
    );
}
