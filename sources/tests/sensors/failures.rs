//! Sensors that fail, disappear and come back: each time an error of one poll, and never
//! another sensor's value.

use std::fs;

use crate::tree::{Tree, poll};

const CORETEMP: &str = "sys/devices/platform/coretemp.0/hwmon/hwmon4";
const W1: &str = "sys/devices/w1_bus_master1/28-000005e2fdc3/w1_slave";

#[test]
fn a_chip_that_moves_is_found_again_and_its_old_number_means_nothing() {
    let machine = Tree::machine();
    let mut source = machine.open("sensor:hwmon/coretemp/Core 0").unwrap();
    assert_eq!(poll(&mut *source), Ok(46.123));

    // After a reload of the drivers another chip has the number and an input of that
    // name.
    machine.remove("sys/class/hwmon/hwmon4");
    machine.link("sys/class/hwmon/hwmon4", "../../devices/platform/nct6775.656/hwmon/hwmon2");
    let message = machine.without_root(&poll(&mut *source).unwrap_err());
    assert!(message.starts_with("there is no hwmon chip \"coretemp\"; there is"), "{message}");

    machine.link("sys/class/hwmon/hwmon9", "../../devices/platform/coretemp.0/hwmon/hwmon4");
    assert_eq!(poll(&mut *source), Ok(46.123));
}

#[test]
fn a_second_chip_of_the_name_is_not_taken_for_the_first() {
    let machine = Tree::machine();
    machine.remove("sys/class/hwmon/hwmon1");
    let mut source = machine.open("sensor:hwmon/nvme/Composite").unwrap();
    assert_eq!(poll(&mut *source), Ok(38.85));
    machine.link(
        "sys/class/hwmon/hwmon1",
        "../../devices/pci0000:00/0000:00:1d.4/0000:04:00.0/nvme/nvme1/hwmon1",
    );
    assert!(poll(&mut *source).unwrap_err().starts_with("there are 2 hwmon chips \"nvme\""));
}

#[test]
fn files_that_vanish_are_an_error_until_they_are_back() {
    let machine = Tree::machine();
    for (spec, file) in [
        ("sensor:thermal/x86_pkg_temp", "sys/devices/virtual/thermal/thermal_zone2/temp"),
        ("sensor:power/BAT0/capacity", "sys/devices/acpi/PNP0C0A/power_supply/BAT0/capacity"),
        ("sensor:w1/28-000005e2fdc3", W1),
        ("sensor:loadavg/1", "proc/loadavg"),
        ("sensor:pressure/io/some/avg10", "proc/pressure/io"),
    ] {
        let mut source = machine.open(spec).unwrap();
        let good = poll(&mut *source).unwrap();
        let (path, hidden) = (machine.path(file), machine.path("hidden"));
        fs::rename(&path, &hidden).unwrap();
        assert!(poll(&mut *source).is_err(), "{spec}");
        fs::rename(&hidden, &path).unwrap();
        assert_eq!(poll(&mut *source), Ok(good), "{spec}");
    }
}

/// Reading the first page of one's own memory gives EIO, as from a chip that does not
/// answer on its bus.
#[test]
fn a_device_that_does_not_answer_is_survived() {
    let machine = Tree::machine();
    let mut source = machine.open("sensor:hwmon/coretemp/Core 0").unwrap();
    let input = format!("{CORETEMP}/temp2_input");
    let found = "sys/class/hwmon/hwmon4/temp2_input";
    machine.link(&input, "/proc/self/mem");
    let message = machine.without_root(&poll(&mut *source).unwrap_err());
    let expected =
        format!("cannot read {found}: Input/output error (os error 5): the device did not answer");
    assert_eq!(message, expected);
    machine.remove(&input);
    machine.write(&input, "50000\n");
    assert_eq!(poll(&mut *source), Ok(50.0));
}

/// A pipe that is open but never written to: EAGAIN, and no wait.
#[test]
fn a_device_that_is_not_ready_is_not_waited_for() {
    let tree = Tree::empty();
    let (reader, writer) = std::io::pipe().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
    let spec = format!("sensor:file=/proc/self/fd/{fd}");
    let message = tree.read(&spec).unwrap_err();
    assert!(message.ends_with("it has no value ready"), "{message}");
    drop(writer);
    assert!(tree.read(&spec).unwrap_err().ends_with("\"\" is not a finite number"));
}

#[test]
fn a_sensor_that_its_chip_calls_broken_has_no_value() {
    let message = Tree::machine().read("sensor:hwmon/nct6798/temp7").unwrap_err();
    assert!(message.ends_with("temp7_fault says that the sensor is broken"), "{message}");
}

#[test]
fn what_is_no_number_is_shown() {
    let machine = Tree::machine();
    let input = format!("{CORETEMP}/temp1_input");
    for (text, shown) in [
        (&b"N/A\n"[..], "\"N/A\""),
        (b"", "\"\""),
        (b"nan", "\"nan\""),
        (b"1 2", "\"1 2\""),
        (b"1e999", "\"1e999\""),
        (b"\xff\x1b[2J", "\"\u{fffd}\\u{1b}[2J\""),
    ] {
        machine.write(&input, text);
        let message =
            machine.without_root(&machine.read("sensor:hwmon/coretemp/temp1").unwrap_err());
        let found = "sys/class/hwmon/hwmon4/temp1_input";
        assert_eq!(message, format!("{found}: {shown} is not a finite number"));
    }
    let spec = "sensor:iio/TI-am335x-adc.0.auto/in_rot_quaternion";
    assert!(machine.read(spec).unwrap_err().ends_with("\"1 2 3 4\" is not a finite number"));
}

#[test]
fn an_endless_file_takes_no_memory() {
    let message = Tree::empty().read("sensor:file=/dev/zero").unwrap_err();
    assert_eq!(message, "cannot read /dev/zero: it has more than 4096 bytes");
}

#[test]
fn thermometers_with_a_bad_checksum_or_no_measurement_have_no_value() {
    let machine = Tree::machine();
    for (text, what) in [
        (
            "ff ff 4b 46 7f ff 0e 10 57 : crc=c9 NO\n72 01 4b 46 7f ff 0e 10 57 t=23125\n",
            "the checksum of what the thermometer sent is wrong",
        ),
        (
            "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n",
            "85 degrees, the value at power-on: it has not measured yet",
        ),
        (
            "00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n",
            "only zeros, as from a shorted wire",
        ),
        // A DS18S20 has the same bytes at power-on and at 85 degrees.
        (
            "aa 00 4b 46 ff ff 0c 10 87 : crc=87 YES\naa 00 4b 46 ff ff 0c 10 87 t=85000\n",
            "85 degrees, the value at power-on: it has not measured yet",
        ),
        (
            "d1 07 4b 46 7f ff 0f 10 1c : crc=1c YES\nd1 07 4b 46 7f ff 0f 10 1c t=125063\n",
            "125.063 degrees, which a chip of this kind cannot measure: -55 to 125",
        ),
        (
            "10 f8 4b 46 7f ff 10 10 1c : crc=1c YES\n10 f8 4b 46 7f ff 10 10 1c t=-127000\n",
            "-127 degrees, which a chip of this kind cannot measure: -55 to 125",
        ),
        ("", "\"\" is not what a thermometer says"),
        ("x : crc=1c YES\nx t=\n", "\"x : crc=1c YES\\nx t=\" is not what a thermometer says"),
        ("x : crc=1c YES\n", "\"x : crc=1c YES\" is not what a thermometer says"),
        ("YES\nt=1\n", "\"YES\\nt=1\" is not what a thermometer says"),
        (
            "crc=1c YES\nt=99999999999\n",
            "\"crc=1c YES\\nt=99999999999\" is not what a thermometer says",
        ),
    ] {
        machine.write(W1, text);
        let message = machine.read("sensor:w1/28-000005e2fdc3").unwrap_err();
        let found = "sys/bus/w1/devices/28-000005e2fdc3/w1_slave";
        assert_eq!(machine.without_root(&message), format!("{found}: {what}"));
    }
    for (text, value) in [
        ("00 00 00 : crc=00 YES\n00 00 00 t=84999\n", 84.999),
        // Measured: the seventh byte is 16 minus the last four bits of the value.
        ("50 05 4b 46 7f ff 10 10 dc : crc=dc YES\n50 05 4b 46 7f ff 10 10 dc t=85000\n", 85.0),
        ("50 05 : crc=1c YES\n50 05 t=85000\n", 85.0),
        ("00 00 4b 46 7f ff 0c 10 1c : crc=1c YES\n00 00 4b 46 7f ff 0c 10 1c t=0\n", 0.0),
    ] {
        machine.write(W1, text);
        assert_eq!(machine.read("sensor:w1/28-000005e2fdc3"), Ok(value));
    }
}
