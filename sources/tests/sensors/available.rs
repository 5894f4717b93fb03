//! The list of a machine's sensors.

use gaugelog_sources::{Registry, Settings, available};

use crate::tree::{Tree, poll};

#[test]
fn what_is_listed_opens_and_shows_the_same() {
    let machine = Tree::machine();
    let listed = available(machine.root());
    assert_eq!(listed.len(), 71, "{listed:#?}");
    for sensor in &listed {
        let again = machine.read(&sensor.spec);
        // Idle processors show no used part, and disks fill up.
        if sensor.spec.contains("cpu/") || sensor.spec.contains("disk/") {
            continue;
        }
        match &sensor.value {
            Ok(value) => assert_eq!(again, Ok(*value), "{}", sensor.spec),
            Err(error) => assert_eq!(again, Err(machine.without_root(&error.to_string()))),
        }
    }
    let failing: Vec<&str> =
        listed.iter().filter(|sensor| sensor.value.is_err()).map(|it| &*it.spec).collect();
    let broken = [
        "sensor:hwmon/nct6798/temp7",
        "sensor:iio/TI-am335x-adc.0.auto/in_rot_quaternion",
        "sensor:cpu/used",
    ];
    assert_eq!(failing, broken);
}

#[test]
fn sensors_are_listed_by_names_that_last() {
    let machine = Tree::machine();
    let listed = available(machine.root());
    for (spec, description) in [
        ("sensor:hwmon/coretemp/Package id 0", "temp1, degrees Celsius"),
        ("sensor:hwmon/nvme@0000:04:00.0/Composite", "temp1, degrees Celsius"),
        ("sensor:hwmon/nct6798/+3.3V/5V", "in1, volts"),
        ("sensor:hwmon/nct6798/temp8", "temp8, degrees Celsius"),
        ("sensor:hwmon/nct6798/power1", "power1, watts"),
        ("sensor:hwmon/nct6798/power1_average", "power1, watts"),
        ("sensor:thermal/acpitz@thermal_zone1", "degrees Celsius"),
        ("sensor:iio/TI-am335x-adc.0.auto/in_voltage1", "battery, millivolts"),
        ("sensor:power/BAT0/energy_now", "watt-hours"),
        ("sensor:w1/28-000005e2fdc3", "degrees Celsius"),
        ("sensor:cpu/used", "percent of the time"),
        ("sensor:memory/available", "bytes"),
        ("sensor:disk/free/", "bytes"),
        ("sensor:disk/free/sys/class", "bytes"),
        ("sensor:net/eth0/tx", "bytes a second"),
        ("sensor:loadavg/1", ""),
        ("sensor:pressure/cpu/some/total", "microseconds"),
    ] {
        let sensor = listed.iter().find(|sensor| sensor.spec == spec);
        assert_eq!(sensor.map(|sensor| &*sensor.description), Some(description), "{spec}");
    }
}

#[test]
fn a_machine_without_sensors_has_none() {
    assert!(available(Tree::empty().root()).is_empty());
}

/// On this machine: everything can be listed, and the load can be read.
#[test]
fn this_machine_is_listed() {
    let listed = available("/");
    for spec in ["loadavg/1", "loadavg/5", "loadavg/15", "pressure/cpu/some/avg10", "cpu/used"] {
        let spec = format!("sensor:{spec}");
        let there = listed.iter().any(|sensor| sensor.spec == spec && sensor.value.is_ok());
        match Registry::standard().open(&spec, &Settings::new()) {
            Ok(mut source) => {
                let value = poll(&mut *source).unwrap();
                assert!(there && (0.0..1e6).contains(&value), "{spec}: {value}");
            }
            Err(error) => {
                assert!(!there);
                eprintln!("not on this machine: {error}");
            }
        }
    }
}
