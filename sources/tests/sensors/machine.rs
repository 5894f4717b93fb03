//! What a machine measures about itself, and files that other programs write.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::tree::{Tree, poll};

#[test]
fn processors_show_the_part_that_was_used_since_the_last_poll() {
    let machine = Tree::machine();
    let mut source = machine.open("sensor:cpu/used").unwrap();
    let stat = |text: &str| machine.write("proc/stat", format!("cpu  {text}\ncpu0 {text}\n"));
    // Of 100 ticks 30 were idle or waited for a disk; time of guests is counted once.
    stat("1040 50 480 8020 510 0 0 0 720 0");
    assert_eq!(poll(&mut *source), Ok(70.0));
    stat("1040 50 480 8120 510 0 0 0 720 0");
    assert_eq!(poll(&mut *source), Ok(0.0));
    let message = machine.without_root(&poll(&mut *source).unwrap_err());
    assert_eq!(message, "proc/stat: the processors' times have not gone on since the last poll");
    machine.write("proc/stat", "cpu  1 2\n");
    let message = machine.without_root(&poll(&mut *source).unwrap_err());
    assert_eq!(message, "proc/stat: no such figure in \"cpu  1 2\"");
    // A failed poll loses nothing of the change in between.
    stat("1140 50 480 8220 510 0 0 0 720 0");
    assert_eq!(poll(&mut *source), Ok(50.0));
}

#[test]
fn bytes_of_an_interface_are_a_change_a_second() {
    let machine = Tree::machine();
    let counter = "sys/devices/pci0000:00/0000:00:1f.6/net/eth0/statistics/rx_bytes";
    let mut source = machine.open("sensor:net/eth0/rx").unwrap();
    machine.write(counter, "123456790012\n");
    // A thousand bytes, in a fifth of a second or, on a busy machine, in longer.
    let rate = poll(&mut *source).unwrap();
    assert!(rate > 0.0 && rate <= 5000.0, "{rate}");
    assert_eq!(poll(&mut *source), Ok(0.0));
    machine.write(counter, "7\n");
    assert!(poll(&mut *source).unwrap_err().contains("was reset"));
    assert_eq!(poll(&mut *source), Ok(0.0));
    for (spec, message) in [
        ("net/eth1/rx", "there is no network interface \"eth1\"; there is eth0"),
        ("net/../rx", "there is no network interface \"..\"; there is eth0"),
        ("net/eth0", "\"eth0\" is not of the form net/INTERFACE/rx or net/INTERFACE/tx"),
        ("cpu/idle", "\"idle\" is not of the form cpu/used"),
        ("memory/free", "\"free\" is not of the form memory/available"),
        ("disk/used/", "\"used/\" is not of the form disk/free/PATH, such as disk/free/var/log"),
    ] {
        machine.refuses(spec, message);
    }
}

#[test]
fn memory_and_disks_are_in_bytes() {
    let machine = Tree::machine();
    assert_eq!(machine.read("sensor:memory/available"), Ok(9_254_400.0 * 1024.0));
    for spec in ["sensor:disk/free/", "sensor:disk/free/sys/class"] {
        let free = machine.read(spec).unwrap();
        assert!(free >= 0.0 && free.fract() == 0.0, "{free}");
    }
    assert!(machine.read("sensor:disk/free/none").unwrap_err().contains("none: No such file"));
}

#[test]
fn a_field_of_a_longer_file_is_read_by_its_name() {
    let machine = Tree::machine();
    let path = machine.path("proc/meminfo").display().to_string();
    let read = |rest: &str| machine.read(&format!("sensor:file={path}{rest}"));
    assert_eq!(read("#MemAvailable"), Ok(9_254_400.0));
    assert_eq!(read("#MemAvailable,scale=1024"), Ok(9_254_400.0 * 1024.0));
    assert_eq!(read("#HugePages_Total"), Ok(0.0));
    assert_eq!(read("#Mem").unwrap_err(), "proc/meminfo: no line begins with Mem");
    let long: String = (0..20_000).map(|at| format!("field_{at} {at}\n")).collect();
    machine.write("long", format!("{long}last 7\n"));
    assert_eq!(
        machine.read(&format!("sensor:file={}#last", machine.path("long").display())),
        Ok(7.0)
    );
}

#[test]
fn a_file_that_is_no_longer_written_has_no_value() {
    let tree = Tree::empty();
    tree.write("level", "\u{feff}42.5\n");
    let spec = format!("sensor:file={},max-age=5m", tree.path("level").display());
    assert_eq!(tree.read(&spec), Ok(42.5));
    let file = fs::File::options().write(true).open(tree.path("level")).unwrap();
    let now = SystemTime::now();
    file.set_modified(now - Duration::from_secs(3601)).unwrap();
    let message = tree.read(&spec).unwrap_err();
    assert!(message.starts_with("level was written 1h"), "{message}");
    // As after the clock was set back.
    file.set_modified(now + Duration::from_secs(3600)).unwrap();
    assert_eq!(tree.read(&spec), Ok(42.5));
    for (rest, said) in [
        ("max-age=soon", "max-age=soon: \"soon\" is no duration, such as 90s, 5m or 1h30m"),
        ("max-age=0s", "max-age=0s: \"0s\" is no duration, such as 90s, 5m or 1h30m"),
        ("max-age=1s,max-age=2s", "max-age=1s is there twice"),
    ] {
        let message = tree.read(&format!("sensor:file=/x,{rest}")).unwrap_err();
        assert!(message.ends_with(said), "{message}");
    }
}

/// What the kernel shows in place of a value when a sensor is broken.
#[test]
fn what_no_thermometer_measures_is_refused() {
    let machine = Tree::machine();
    let cold = "degrees Celsius is below absolute zero: the sensor is broken or not there";
    for (file, text, spec, celsius) in [
        (
            "sys/devices/virtual/thermal/thermal_zone2/temp",
            "-274000",
            "thermal/x86_pkg_temp",
            "-274",
        ),
        (
            "sys/devices/platform/coretemp.0/hwmon/hwmon4/temp2_input",
            "-300000",
            "hwmon/coretemp/Core 0",
            "-300",
        ),
        ("sys/devices/acpi/PNP0C0A/power_supply/BAT0/temp", "-2740", "power/BAT0/temp", "-274"),
        (
            "sys/devices/i2c-1/1-0076/iio:device0/in_temp_input",
            "-400000",
            "iio/bme280/in_temp",
            "-400",
        ),
    ] {
        machine.write(file, format!("{text}\n"));
        assert_eq!(
            machine.read(&format!("sensor:{spec}")),
            Err(format!("{celsius} {cold}")),
            "{spec}"
        );
    }
    // A value that is not a temperature may be that low.
    let current = "sys/devices/acpi/PNP0C0A/power_supply/BAT0/current_now";
    machine.write(current, "-703000000\n");
    assert_eq!(machine.read("sensor:power/BAT0/current_now"), Ok(-703.0));
}

/// A driver's label, and the text of a display.
#[test]
fn control_characters_are_shown_escaped() {
    let machine = Tree::machine();
    machine.write("sys/devices/platform/coretemp.0/hwmon/hwmon4/temp2_label", "\u{1b}[2JCore\n");
    let listed = gaugelog_sources::available(machine.root());
    let sensor = listed.iter().find(|sensor| sensor.spec == "sensor:hwmon/coretemp/temp2");
    assert_eq!(sensor.map(|it| it.value.as_ref().ok().copied()), Some(Some(46.123)));
    for sensor in &listed {
        assert!(!sensor.description.contains(char::is_control), "{sensor:?}");
    }
    let message = machine.read("sensor:hwmon/coretemp/x").unwrap_err();
    assert!(message.contains("temp2 (\\u{1b}[2JCore)"), "{message}");
    let source = machine.open("sensor:file=/x\u{1b}[2J").unwrap();
    assert_eq!(source.description(), "sensor file=/x\\u{1b}[2J");
}
