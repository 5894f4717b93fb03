//! The values of each kind of sensor, and how a sensor is chosen.

use crate::tree::Tree;

/// Everything that can be read, and its value.
#[test]
fn every_kind_is_read_in_its_unit() {
    let machine = Tree::machine();
    for (spec, value) in [
        ("hwmon/coretemp/Package id 0", 47.0),
        ("hwmon/coretemp/temp1", 47.0),
        ("hwmon/coretemp/temp2_input", 46.123),
        ("hwmon/coretemp/Core 1", -2.5),
        ("hwmon/nct6798/in0", 1.016),
        ("hwmon/nct6798/+3.3V/5V", 0.992),
        ("hwmon/nct6798/fan2", 1205.0),
        ("hwmon/nct6798/power1", 15.1255),
        ("hwmon/nct6798/power1_average", 15.25),
        ("hwmon/nct6798/curr1", 1.25),
        ("hwmon/nct6798/humidity1", 45.5),
        ("hwmon/nct6798/energy1", 2.5),
        ("hwmon/nct6798/temp8", 22.0),
        ("hwmon/lm75/temp1", 23.5),
        ("hwmon/nvme@0000:03:00.0/Composite", 38.85),
        ("hwmon/nvme@nvme1/Composite", 41.85),
        ("hwmon/nvme@1/temp1", 41.85),
        ("thermal/x86_pkg_temp", 47.0),
        ("thermal/acpitz@thermal_zone0", 27.8),
        ("thermal/acpitz@1", 29.8),
        ("iio/bme280/in_temp", 21_370.0),
        ("iio/bme280/in_pressure", 98.714253906),
        ("iio/TI-am335x-adc.0.auto/in_voltage0", 900.0),
        ("iio/TI-am335x-adc.0.auto/in_voltage1", 0.08),
        ("iio/TI-am335x-adc.0.auto/battery", 0.08),
        ("iio/TI-am335x-adc.0.auto/in_voltage2-voltage3", -3.076171875),
        ("iio/TI-am335x-adc.0.auto/in_accel_x", -6.0),
        ("power/BAT0/voltage_now", 11.866),
        ("power/BAT0/power_now", 8.345),
        ("power/BAT0/energy_now", 40.32),
        ("power/BAT0/charge_full", 4.271),
        ("power/BAT0/current_now", -0.703),
        ("power/BAT0/capacity", 81.0),
        ("power/BAT0/charge_control_end_threshold", 90.0),
        ("power/BAT0/charge_stop_threshold", 90.0),
        ("power/BAT0/temp", 29.8),
        ("power/BAT0/time_to_empty_now", 17_394.0),
        ("power/BAT0/cycle_count", 212.0),
        ("power/AC/online", 0.0),
        ("w1/28-000005e2fdc3", 23.125),
        ("w1/28-0517b0aaf7ff", -10.125),
        ("loadavg/1", 0.52),
        ("loadavg/5", 0.58),
        ("loadavg/15", 1.59),
        ("pressure/cpu/some/avg10", 1.53),
        ("pressure/cpu/some/avg60", 0.87),
        ("pressure/cpu/full/avg300", 0.0),
        ("pressure/cpu/some/total", 2_498_057_568.0),
        ("pressure/memory/full/avg10", 0.11),
        ("pressure/io/some/total", 7.0),
    ] {
        assert_eq!(machine.read(&format!("sensor:{spec}")), Ok(value), "{spec}");
    }
}

#[test]
fn any_file_with_a_number_is_scaled() {
    let tree = Tree::empty();
    // Multiplied, 9 × 0.001 and 3 × 0.1 are off by a bit.
    for (name, text, parameters, value) in [
        ("plain", "42.5\n", "", 42.5),
        ("milli", "  9\n\n", ",scale=0.001", 0.009),
        ("tenths", "7", ",offset=-10,scale=0.1", -0.3),
        ("with,comma", "-3e2", ",scale=2", -600.0),
        ("zero", "5", ",scale=0", 0.0),
    ] {
        tree.write(name, text);
        let spec = format!("sensor:file={}{parameters}", tree.path(name).display());
        assert_eq!(tree.read(&spec), Ok(value), "{spec}");
    }
}

#[test]
fn descriptions_name_the_unit() {
    let machine = Tree::machine();
    for (spec, description) in [
        ("hwmon/coretemp/Core 0", "sensor hwmon/coretemp/Core 0, in degrees Celsius"),
        ("iio/bme280/in_temp", "sensor iio/bme280/in_temp, in millidegrees Celsius"),
        ("loadavg/1", "sensor loadavg/1"),
    ] {
        let source = machine.open(&format!("sensor:{spec}")).unwrap();
        assert_eq!((source.name(), &*source.description()), ("sensor", description));
    }
}

/// Specs that name nothing or too much, and their errors.
#[test]
fn what_is_not_there_or_ambiguous_lists_what_is() {
    let machine = Tree::machine();
    for (spec, message) in [
        (
            "hwmon/k10temp/Tctl",
            "there is no hwmon chip \"k10temp\"; there is coretemp, lm75, nct6798, \
             nvme@0000:03:00.0, nvme@0000:04:00.0",
        ),
        (
            "hwmon/nvme/Composite",
            "there are 2 hwmon chips \"nvme\": say nvme@0000:03:00.0, nvme@0000:04:00.0",
        ),
        (
            "hwmon/nvme@pci0000:00/Composite",
            "there are 2 hwmon chips \"nvme@pci0000:00\": say nvme@0000:03:00.0, \
             nvme@0000:04:00.0",
        ),
        (
            "hwmon/nvme@2/Composite",
            "there is no hwmon chip \"nvme@2\"; there is coretemp, lm75, nct6798, \
             nvme@0000:03:00.0, nvme@0000:04:00.0",
        ),
        (
            "hwmon/coretemp/core 0",
            "chip coretemp has no input \"core 0\"; it has temp1 (Package id 0), \
             temp2 (Core 0), temp3 (Core 1)",
        ),
        (
            "hwmon/nct6798/PECI",
            "chip nct6798 has 2 inputs labelled \"PECI\": say temp7_input, temp8_input",
        ),
        (
            "thermal/acpitz",
            "there are 2 thermal zones \"acpitz\": say acpitz@thermal_zone0, acpitz@thermal_zone1",
        ),
        (
            "iio/bme280/in_humidity",
            "IIO device bme280 has no channel \"in_humidity\"; it has in_humidityrelative, \
             in_pressure, in_temp",
        ),
        ("power/BAT1/capacity", "there is no power supply \"BAT1\"; there is AC, BAT0"),
        (
            "power/AC/capacity",
            "power supply AC has no property \"capacity\" that is a number; it has online",
        ),
        (
            "power/../class/thermal/thermal_zone0/temp",
            "there is no power supply \"..\"; there is AC, BAT0",
        ),
        (
            "power/AC/../BAT0/capacity",
            "power supply AC has no property \"../BAT0/capacity\" that is a number; it has online",
        ),
        (
            "w1/28-1",
            "there is no 1-wire thermometer \"28-1\"; there is 28-000005e2fdc3, 28-0517b0aaf7ff",
        ),
        ("w1/../x", "\"../x\" is not of the form w1/ID, such as w1/28-000005e2fdc3"),
        ("loadavg/10", "\"10\" is not of the form loadavg/1, loadavg/5 or loadavg/15"),
        (
            "pressure/cpu/avg10",
            "\"cpu/avg10\" is not of the form \
             pressure/(cpu|memory|io)/(some|full)/(avg10|avg60|avg300|total)",
        ),
        ("hwmon/coretemp", "\"coretemp\" is not of the form hwmon/CHIP/INPUT"),
        (
            "fan",
            "\"fan\" is no kind of sensor; there are hwmon, thermal, iio, power, w1, cpu, memory, \
             disk, net, loadavg, pressure and file=",
        ),
        ("file=x", "file=\"x\" is no path from the root, such as file=/run/level"),
        ("file=/x,scale=big", "scale=big: \"big\" is not a finite number"),
        ("file=/x,scale=1,scale=2", "scale=1 is there twice"),
    ] {
        machine.refuses(spec, message);
    }
}

#[test]
fn a_machine_without_sensors_says_where_they_would_be() {
    let tree = Tree::empty();
    for (spec, message) in [
        ("hwmon/a/b", "there is no hwmon chip \"a\", and no other in sys/class/hwmon"),
        ("thermal/a", "there is no thermal zone \"a\", and no other in sys/class/thermal"),
        ("iio/a/b", "there is no IIO device \"a\", and no other in sys/bus/iio/devices"),
        ("power/a/b", "there is no power supply \"a\", and no other in sys/class/power_supply"),
        ("w1/28-1", "there is no 1-wire thermometer \"28-1\", and no other in sys/bus/w1/devices"),
    ] {
        tree.refuses(spec, message);
    }
}
