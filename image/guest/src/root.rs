//! The root that the runtime gives to an image's programs: the squashfs, a layer in
//! memory over it, the kernel's file systems, and the volumes over 9p without a cache.
//! From the runtime's own `init.c` (ya-runtime-vm 0.5.2).

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::mount::{MountFlags, mount, mount_move};
use rustix::process::{chdir, chroot};
use rustix::system::finit_module;

/// A directory with the kernel's modules, and a file with their names in the order of
/// loading.
const MODULES: &str = "/modules";
/// The first virtual disk is the image.
const DISK: &str = "/dev/vda";
const ROOT: &str = "/mnt/newroot";
/// The volumes, in the order of their tags `mnt0`, `mnt1`, …
const VOLUMES: [&str; 2] = ["/golem/in", "/golem/out"];
const VOLUME_OPTIONS: &str = "trans=virtio,version=9p2000.L,msize=104857600";
/// The program that does nothing, and its path under the new root.
const EMPTY: (&str, &str) = ("/guest-empty", "tmp/empty");

const HIDDEN: MountFlags = MountFlags::NODEV.union(MountFlags::NOSUID).union(MountFlags::NOEXEC);

/// Mounts the file systems for devices, and loads the drivers.
pub(crate) fn devices() -> io::Result<()> {
    mounted("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, "mode=0755")?;
    let modules = Path::new(MODULES);
    for module in fs::read_to_string(modules.join("order"))?.lines() {
        let file = File::open(modules.join(module))?;
        finit_module(file, c"", 0)
            .map_err(|error| io::Error::other(format!("module {module}: {error}")))?;
    }
    // The first root is in memory, which programs need.
    fs::remove_dir_all(MODULES)
}

/// Makes the root and changes to it for good.
pub(crate) fn enter() -> io::Result<()> {
    // The runtime's layer has half of the memory. Debian's kernel takes more of 128 MiB
    // than the runtime's kernel, so with a full half nothing would be left.
    mounted("tmpfs", "/mnt", "tmpfs", MountFlags::empty(), "mode=0700,size=40%")?;
    for directory in ["image", "upper", "work", "newroot"] {
        fs::create_dir(Path::new("/mnt").join(directory))?;
    }
    mounted(DISK, "/mnt/image", "squashfs", MountFlags::RDONLY, "")?;
    let layers = "lowerdir=/mnt/image,upperdir=/mnt/upper,workdir=/mnt/work";
    mounted("overlay", ROOT, "overlay", MountFlags::NODEV, layers)?;

    let inside = |path: &str| format!("{ROOT}/{}", path.trim_start_matches('/'));
    // /proc, /sys and /etc are not made here: an image without them does not boot.
    fs::metadata(inside("etc"))?;
    mounted("proc", &inside("proc"), "proc", HIDDEN, "")?;
    mounted("sysfs", &inside("sys"), "sysfs", HIDDEN, "")?;
    fs::create_dir_all(inside("dev"))?;
    mounted("devtmpfs", &inside("dev"), "devtmpfs", MountFlags::NOSUID, "mode=0755")?;
    fs::create_dir_all(inside("tmp"))?;
    mounted("tmpfs", &inside("tmp"), "tmpfs", MountFlags::NOSUID, "mode=0777")?;
    for (number, volume) in VOLUMES.into_iter().enumerate() {
        fs::create_dir_all(inside(volume))?;
        let tag = format!("mnt{number}");
        mounted(&tag, &inside(volume), "9p", MountFlags::empty(), VOLUME_OPTIONS)?;
    }
    fs::copy(EMPTY.0, inside(EMPTY.1))?;
    fs::remove_file(EMPTY.0)?;

    chdir(ROOT)?;
    mount_move(".", "/")?;
    chroot(".")?;
    Ok(chdir("/")?)
}

fn mounted(what: &str, path: &str, kind: &str, flags: MountFlags, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    mount(what, path, kind, flags, options.as_c_str())
        .map_err(|error| io::Error::other(format!("cannot mount {kind} on {path}: {error}")))
}
