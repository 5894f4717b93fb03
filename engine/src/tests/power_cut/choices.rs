//! What a power cut may leave of a disk: each thing that is not durable in its old state
//! or in any later one, in every combination.
//!
//! The combinations are numbered. If there are at most 256, each has one number. If there
//! are more, the first numbers are those with only old and newest states: all 2^n if n
//! things are open and n is at most 8. Otherwise they are everything old, everything
//! newest, and each single thing, and each file with all its things, newest while the
//! rest is old and the reverse. All further numbers are drawn from a seed.
//!
//! The bytes of the ballast are never read, so only its name is open.

use std::collections::BTreeSet;
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::content::{Content, Sector};
use super::simulated_disk::{FileNumber, Files, SimulatedDisk};
use crate::format::names::BALLAST;

/// Up to this many combinations are checked one by one.
const COMBINATIONS_MAX: u64 = 256;
const THINGS_MAX: usize = 8;

/// A thing that a power cut may leave in one of several states.
#[derive(Debug)]
struct Open {
    thing: Thing,
    /// How many states there are; the first is the durable one.
    ways: usize,
    /// The state that processes see.
    newest: usize,
}

#[derive(Debug)]
enum Thing {
    Directory,
    Name(Rc<str>, Vec<Option<FileNumber>>),
    Length(FileNumber, Vec<usize>),
    Sector(FileNumber, usize, Vec<Sector>),
}

impl Open {
    /// `None` if there is only one state.
    fn of<T: PartialEq + Clone>(
        durable: T,
        since: &[T],
        thing: impl FnOnce(Vec<T>) -> Thing,
    ) -> Option<Self> {
        let mut ways = vec![durable];
        for way in since {
            if !ways.contains(way) {
                ways.push(way.clone());
            }
        }
        let newest = since.last().and_then(|newest| ways.iter().position(|way| way == newest))?;
        let count = ways.len();
        (count > 1).then(|| Self { thing: thing(ways), ways: count, newest })
    }

    /// The newest state or, if that is the durable one, the one before it.
    fn other(&self) -> usize {
        if self.newest == 0 { self.ways - 1 } else { self.newest }
    }
}

impl Thing {
    /// The file that it belongs to now or later.
    fn file(&self) -> Option<FileNumber> {
        match self {
            Self::Directory => None,
            Self::Name(_, ways) => ways.iter().rev().flatten().next().copied(),
            Self::Length(file, _) | Self::Sector(file, ..) => Some(*file),
        }
    }
}

/// All that a power cut decides about a disk.
#[derive(Debug)]
pub(super) struct Choices<'d> {
    disk: &'d SimulatedDisk,
    open: Vec<Open>,
    /// The file of each open thing.
    files: Vec<Option<FileNumber>>,
}

/// `None` if even the directory is missing.
pub(super) type State = Option<Files>;

impl<'d> Choices<'d> {
    pub(super) fn of(disk: &'d SimulatedDisk) -> Self {
        let mut open = Vec::new();
        let directory = [disk.directory_seen];
        open.extend(Open::of(disk.directory_on_disk, &directory, |_| Thing::Directory));
        let mut reachable = BTreeSet::new();
        for (name, entry) in &disk.names {
            if !name.starts_with(BALLAST) {
                reachable.extend(entry.on_disk.iter().chain(entry.since.iter().flatten()));
            }
            let thing = |ways| Thing::Name(Rc::clone(name), ways);
            open.extend(Open::of(entry.on_disk, &entry.since, thing));
        }
        for number in reachable {
            let file = &disk.files[number];
            let thing = |ways| Thing::Length(number, ways);
            open.extend(Open::of(file.on_disk.length(), &file.lengths, thing));
            for (index, given) in &file.given {
                let thing = |ways| Thing::Sector(number, *index, ways);
                open.extend(Open::of(file.on_disk.sector(*index), given, thing));
            }
        }
        let files = open.iter().map(|open| open.thing.file()).collect();
        Self { disk, open, files }
    }

    /// Whether each combination has a number, and how many numbers are not drawn from the
    /// seed.
    pub(super) fn counted(&self) -> (bool, u64) {
        let each = |product: u64, open: &Open| product.saturating_mul(open.ways as u64);
        let combinations = self.open.iter().fold(1, each);
        match self.open.len() {
            _ if combinations <= COMBINATIONS_MAX => (true, combinations),
            things if things <= THINGS_MAX => (false, 1 << things),
            things => (false, 2 + 2 * (things + self.disk.files.len()) as u64),
        }
    }

    /// The state of this number. What is drawn depends on `seed` alone.
    pub(super) fn state(&self, number: u64, seed: u64) -> State {
        self.build(&self.chosen(number, seed))
    }

    /// A state drawn from `seed`.
    pub(super) fn drawn_state(&self, seed: u64) -> State {
        self.build(&self.drawn(seed))
    }

    /// The state in which everything is newest, except some sectors of a file, which are
    /// old.
    pub(super) fn newest_but(&self, name: &str, sectors: &[usize]) -> State {
        let file = self.disk.names.get(name).and_then(|entry| entry.seen());
        let chosen = self.open.iter().map(|open| match &open.thing {
            Thing::Sector(number, index, _) if Some(*number) == file && sectors.contains(index) => {
                0
            }
            _ => open.newest,
        });
        self.build(&chosen.collect::<Vec<_>>())
    }

    /// The chosen state of each open thing.
    fn chosen(&self, number: u64, seed: u64) -> Vec<usize> {
        let (all, counted) = self.counted();
        let things = self.open.len();
        let way = |at: usize, newest: bool| if newest { self.open[at].other() } else { 0 };
        let ways =
            |newest: &dyn Fn(usize) -> bool| (0..things).map(|at| way(at, newest(at))).collect();
        if all {
            return self.digits(number % counted);
        }
        if number >= counted {
            return self.drawn(seed);
        }
        if things <= THINGS_MAX {
            return ways(&|at| number >> at & 1 == 1);
        }
        let newest = number.is_multiple_of(2);
        match usize::try_from(number / 2).expect("counted").checked_sub(1) {
            None => ways(&|_| newest),
            Some(one) if one < things => ways(&|at| (at == one) == newest),
            Some(file) => ways(&|at| (self.files[at] == Some(file - things)) == newest),
        }
    }

    fn digits(&self, mut number: u64) -> Vec<usize> {
        let digit = |open: &Open| {
            let digit = number % open.ways as u64;
            number /= open.ways as u64;
            usize::try_from(digit).expect("less than the ways")
        };
        self.open.iter().map(digit).collect()
    }

    /// Mostly old states, mostly new ones or a mix, and sometimes ones in between.
    fn drawn(&self, seed: u64) -> Vec<usize> {
        let mut random = StdRng::seed_from_u64(seed);
        let newest_of_4 = random.random_range(1..=4);
        let way = |open: &Open| match random.random_ratio(newest_of_4, 4) {
            true => open.newest,
            false => random.random_range(0..open.ways),
        };
        self.open.iter().map(way).collect()
    }

    fn build(&self, chosen: &[usize]) -> State {
        let disk = self.disk;
        let mut there = disk.directory_on_disk;
        let mut names: Vec<(&Rc<str>, Option<FileNumber>)> =
            disk.names.iter().map(|(name, entry)| (name, entry.on_disk)).collect();
        let mut contents: Vec<Option<Content>> = vec![None; disk.files.len()];
        let mut lengths: Vec<usize> = disk.files.iter().map(|it| it.on_disk.length()).collect();
        for (open, way) in self.open.iter().zip(chosen) {
            match &open.thing {
                Thing::Directory => there ^= *way == 1,
                Thing::Name(name, ways) => {
                    let at = names.iter().position(|(it, _)| *it == name).expect("a name");
                    names[at].1 = ways[*way];
                }
                Thing::Length(file, ways) => lengths[*file] = ways[*way],
                Thing::Sector(..) if *way == 0 => {}
                Thing::Sector(file, index, ways) => {
                    let durable = &disk.files[*file].on_disk;
                    let content = contents[*file].get_or_insert_with(|| durable.as_ref().clone());
                    content.put(*index, ways[*way].clone());
                }
            }
        }
        let named = |(name, file): (&Rc<str>, Option<FileNumber>)| {
            let file = file?;
            let durable = &disk.files[file].on_disk;
            if contents[file].is_none() && lengths[file] == durable.length() {
                return Some((Rc::clone(name), Rc::clone(durable)));
            }
            let mut content = contents[file].clone().unwrap_or_else(|| durable.as_ref().clone());
            content.resize(lengths[file]);
            Some((Rc::clone(name), Rc::new(content)))
        };
        there.then(|| names.into_iter().filter_map(named).collect())
    }
}

/// A digest that distinguishes states, as far as 64 bits can.
pub(super) fn digest(state: &State) -> u64 {
    let Some(files) = state else { return 1 };
    let mut digest = 2;
    for (name, content) in files {
        for byte in name.bytes() {
            digest = mix(digest, u64::from(byte));
        }
        digest = mix(digest, content.digest());
    }
    digest
}

/// A number that depends on both.
pub(super) fn mix(one: u64, two: u64) -> u64 {
    let mut mixed = (one ^ two.rotate_left(32)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)).wrapping_add(two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::disk::Operation;

    const FILE: &str = "0000000001.chunk";

    fn write(disk: &mut SimulatedDisk, offset: u64, bytes: &[u8]) {
        disk.apply(FILE, Operation::Write { offset, length: bytes.len() }, bytes);
    }

    /// A directory with a durable file of a sector of ones.
    fn disk() -> SimulatedDisk {
        let content = Rc::new(Content::of(&[1; 512]));
        SimulatedDisk::holding(Some(&Files::from([(FILE.into(), content)])))
    }

    fn states(disk: &SimulatedDisk) -> Vec<State> {
        let choices = Choices::of(disk);
        let (all, counted) = choices.counted();
        assert!(all);
        (0..counted).map(|number| choices.state(number, 0)).collect()
    }

    fn contents(disk: &SimulatedDisk) -> Vec<Vec<u8>> {
        let content = |state: State| state.and_then(|files| Some(files.get(FILE)?.bytes()));
        states(disk).into_iter().map(|state| content(state).expect("a file")).collect()
    }

    #[test]
    fn what_is_synced_leaves_no_choice() {
        let mut disk = disk();
        write(&mut disk, 0, &[2; 2_000]);
        assert!(states(&disk).len() > 8);
        disk.apply(FILE, Operation::Sync, &[]);
        assert_eq!(contents(&disk), [vec![2; 2_000]]);
        assert_eq!(states(&disk), [disk.seen()]);
    }

    #[test]
    fn each_sector_is_as_it_was_or_as_anything_since() {
        let mut disk = disk();
        write(&mut disk, 0, &[2; 512]);
        write(&mut disk, 0, &[3; 512]);
        assert_eq!(contents(&disk), [[1; 512], [2; 512], [3; 512]]);
    }

    #[test]
    fn a_length_goes_by_itself_and_has_zeros_where_nothing_was_written() {
        let mut disk = disk();
        write(&mut disk, 512, &[2; 100]);
        let zeros = [vec![1; 512], vec![0; 100]].concat();
        let whole = [vec![1; 512], vec![2; 100]].concat();
        let mut contents = contents(&disk);
        contents.sort();
        contents.dedup();
        // Zeros at the end are left out.
        assert_eq!(contents, [vec![1; 512], whole]);
        let lengths: BTreeSet<usize> =
            states(&disk).iter().flatten().map(|files| files[FILE].length()).collect();
        assert_eq!(lengths, BTreeSet::from([512, zeros.len()]));
    }

    #[test]
    fn a_sync_that_fails_leaves_its_sectors_open_until_the_power_is_cut() {
        let mut disk = disk();
        write(&mut disk, 0, &[2; 512]);
        disk.fail_to_sync(FILE);
        disk.apply(FILE, Operation::Sync, &[]);
        write(&mut disk, 0, &[3; 512]);
        write(&mut disk, 512, &[3; 512]);
        disk.apply(FILE, Operation::Sync, &[]);
        let tails = contents(&disk).into_iter().map(|it| (it[0], it[512..] == [3; 512]));
        assert_eq!(tails.collect::<Vec<_>>(), [(1, true), (2, true), (3, true)]);
    }

    #[test]
    fn each_name_of_a_rename_goes_by_itself_until_the_directory_is_synced() {
        let mut disk = disk();
        let temporary = format!("{FILE}.tmp");
        disk.apply(&temporary, Operation::Create, &[]);
        disk.apply(FILE, Operation::Rename, &[]);
        let names = |state: State| {
            let files = state.expect("a directory");
            (files.get(FILE).map(|it| it.length()), files.contains_key(&*temporary))
        };
        let found: BTreeSet<_> = states(&disk).into_iter().map(names).collect();
        let each = [(Some(0), false), (Some(0), true), (Some(512), false), (Some(512), true)];
        assert_eq!(found, BTreeSet::from(each));
        disk.apply("store", Operation::SyncDirectory, &[]);
        assert_eq!(states(&disk), [disk.seen()]);
    }

    #[test]
    fn many_are_old_and_newest_at_first_and_then_drawn() {
        let mut disk = disk();
        write(&mut disk, 0, &[2; 6 * 512]);
        write(&mut disk, 0, &[3; 6 * 512]);
        let choices = Choices::of(&disk);
        // A length and six sectors.
        assert_eq!(choices.counted(), (false, 1 << 7));
        let number = |number| choices.state(number, 5).expect("a directory")[FILE].bytes();
        assert_eq!(number(0), [1; 512]);
        assert_eq!(number((1 << 7) - 1), [3; 6 * 512]);
        assert_eq!(number(1 << 7), number(1 << 7));
        write(&mut disk, 0, &[4; 20 * 512]);
        let choices = Choices::of(&disk);
        assert_eq!(choices.counted(), (false, 2 + 2 * (21 + 1)));
        assert_eq!(choices.state(0, 5), disk.seen());
        let same = choices.state(2 + 2 * 21, 5);
        assert_eq!(same, disk.seen(), "all of the one file");
    }
}
