//! File systems made by a test. Mounting them takes root; if this machine does not allow
//! it, the tests report that they did not run.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate, statvfs, syncfs};
use tempfile::TempDir;

use super::processes::not_run;

const UNMOUNTS_TRIED: u32 = 200;

/// Held by the test of a process that has a file system made for it. A program that
/// another test starts has all descriptors of the process open until it is executed, so
/// that for a moment files would take space after they are removed. A test has one at a
/// time too.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A mounted file system. It is unmounted when dropped, even if the test fails.
pub struct Mounted {
    pub at: PathBuf,
    /// Given up when all this test's file systems are unmounted.
    alone: Option<MutexGuard<'static, ()>>,
}

impl Mounted {
    /// `None` if this machine does not allow it.
    pub fn mount(at: PathBuf, arguments: &[&str]) -> Option<Self> {
        std::fs::create_dir(&at).expect("a directory");
        let mounted = Self::to_mount(at);
        mounted.mount_again(arguments).then_some(mounted)
    }

    /// Nothing is mounted there yet.
    pub const fn to_mount(at: PathBuf) -> Self {
        Self { at, alone: None }
    }

    pub fn mount_again(&self, arguments: &[&str]) -> bool {
        run(Command::new("mount").args(arguments).arg(&self.at))
    }

    /// Tried again, because a program that another test of this process starts has all
    /// descriptors open until it is executed.
    pub fn unmount(&self) -> bool {
        (0..UNMOUNTS_TRIED).any(|_| {
            run(Command::new("umount").arg(&self.at)) || {
                std::thread::sleep(Duration::from_millis(20));
                false
            }
        })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["--lazy", "--quiet"]).arg(&self.at).output());
    }
}

/// Runs a program, and returns whether it succeeded.
pub fn run(command: &mut Command) -> bool {
    match command.output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprintln!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            eprintln!("{command:?}: {error}");
            false
        }
    }
}

pub fn small_tmpfs(place: &TempDir, size: &str) -> Option<Mounted> {
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let options = format!("size={size}");
    let arguments = ["-t", "tmpfs", "-o", &options, "none"];
    let Some(mut mounted) = Mounted::mount(place.path().join("tmpfs"), &arguments) else {
        not_run("this test needs to mount a tmpfs, which takes root");
        return None;
    };
    mounted.alone = Some(alone);
    Some(mounted)
}

/// A file system made for a test: in an image on a tmpfs, mounted by a loop device.
pub struct Disk {
    image: PathBuf,
    options: &'static str,
    pub mounted: Mounted,
    /// The tmpfs with the image.
    pub memory: Mounted,
}

impl Disk {
    /// Makes an image of `image_mib` MiB on a tmpfs. `make` is the command that makes the file
    /// system; `options` are options of mount, with `loop` among them.
    pub fn make(
        place: &TempDir,
        image_mib: u64,
        memory: &str,
        make: &[&str],
        options: &'static str,
    ) -> Option<Self> {
        let memory = small_tmpfs(place, memory)?;
        let image = memory.at.join("image");
        let created = File::create(&image).and_then(|file| file.set_len(image_mib << 20));
        created.expect("an image");
        let made = run(Command::new(make[0]).args(&make[1..]).arg(&image));
        let arguments = ["-o", options, image.to_str().expect("a plain path")];
        let at = place.path().join("disk");
        let Some(mounted) = made.then(|| Mounted::mount(at, &arguments)).flatten() else {
            not_run(&format!("this test needs {} and a loop device, which takes root", make[0]));
            return None;
        };
        Some(Self { image, options, mounted, memory })
    }

    /// The file that holds the file system.
    pub fn image_path(&self) -> PathBuf {
        self.image.clone()
    }

    /// Drops everything that is not on the disk, as a power cut does.
    pub fn remount(&self) {
        assert!(self.mounted.unmount(), "nothing is open any more");
        let image = self.image.to_str().expect("a plain path");
        assert!(self.mounted.mount_again(&["-o", self.options, image]));
    }
}

/// Takes all the space that is left.
pub fn fill(path: &Path) {
    let mut file = File::create(path).expect("created");
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0xFF; size]).is_ok() {}
    }
}

/// Files that take all the space of a file system. Some of it can be freed block by
/// block.
pub struct Ballast {
    directory: PathBuf,
    block_bytes: u64,
}

impl Ballast {
    /// Takes everything, so that up to `blocks` can be freed.
    pub fn take_all(at: &Path, blocks: u64) -> Self {
        let directory = at.join("ballast");
        std::fs::create_dir(&directory).expect("a directory");
        let block_bytes = statvfs(at).expect("a file system").f_frsize;
        let ballast = Self { directory, block_bytes };
        ballast.settle();
        for block in 0..blocks {
            // Neither zeros nor a hole: some file systems store those differently.
            let content = vec![0xFF; usize::try_from(block_bytes).expect("small")];
            std::fs::write(ballast.block(block), content).expect("there is space yet");
        }
        let rest = File::create(ballast.directory.join("rest")).expect("created");
        ballast.settle();
        let mut taken = 0;
        let mut bytes = statvfs(at).expect("a file system").f_bfree * block_bytes;
        while bytes >= block_bytes {
            let none = FallocateFlags::empty();
            if fallocate(&rest, none, taken, bytes).is_ok() {
                taken += bytes;
            } else {
                bytes /= 2;
            }
        }
        ballast.settle();
        ballast
    }

    fn block(&self, number: u64) -> PathBuf {
        self.directory.join(number.to_string())
    }

    /// Frees this many blocks.
    pub fn give_back(&self, blocks: u64) {
        for block in 0..blocks {
            std::fs::remove_file(self.block(block)).expect("removed");
        }
        self.settle();
    }

    /// Some file systems count space as free only after it is written to the disk.
    fn settle(&self) {
        syncfs(File::open(&self.directory).expect("opened")).expect("synced");
    }

    pub fn give_all_back(self) {
        std::fs::remove_dir_all(&self.directory).expect("removed");
        let parent = self.directory.parent().expect("the file system");
        syncfs(File::open(parent).expect("opened")).expect("synced");
    }
}
