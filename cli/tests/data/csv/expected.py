"""Prints what pandas computes of each file: the variance with ddof 1."""

import json
import pathlib

import pandas

HERE = pathlib.Path(__file__).parent
FILES = {
    "seattle-temps": dict(value="temp", time="date"),
    "seattle-weather": dict(value="temp_max", time="date"),
    "stocks": dict(value="price", time="date", form="%b %d %Y"),
    "co2": dict(value="co2", time="date", form="%Y%m%d"),
    "sunspots": dict(value="SUNACTIVITY", time="YEAR", form="%Y"),
    "elec_equip": dict(value="STS.M.I7.W.TOVT.NS0016.4.000", time="DATE", form="%b-%d-%Y"),
    "mstl_elec_vic": dict(value="y", time="ds"),
    "LakeHuron": dict(value="LakeHuron", time="time", form="%Y"),
    "airquality": dict(value="Ozone", every="1D", start="1973-05-01"),
    "703165TY": dict(value="CeilHgt (m)", skip=1, missing=-9900),
}


def times(frame, how):
    """The time of each row."""
    if "every" in how:
        start = pandas.Timestamp(how["start"])
        return [start + row * pandas.Timedelta(how["every"]) for row in range(len(frame))]
    if "skip" in how:
        days = pandas.to_datetime(frame["Date (MM/DD/YYYY)"], format="%m/%d/%Y")
        hours = frame["Time (HH:MM)"].str.slice(0, 2).astype(int)
        return list(days + pandas.to_timedelta(hours, unit="h"))
    return list(pandas.to_datetime(frame[how["time"]].astype(str), format=how.get("form")))


def expected(name, how):
    path = HERE / f"{name}.csv"
    frame = pandas.read_csv(path, float_precision="round_trip", skiprows=how.get("skip", 0))
    frame["time of the row"] = times(frame, how)
    values = frame[how["value"]].astype(float)
    is_there = values.notna() & (values != how.get("missing"))
    values, rows = values[is_there], frame[is_there]["time of the row"]
    nanoseconds = [pandas.Timestamp(time).as_unit("ns").value for time in rows]
    return {
        "count": len(values),
        "first_ns": nanoseconds[0],
        "last_ns": nanoseconds[-1],
        "min": values.min(),
        "max": values.max(),
        "mean": values.mean(),
        "median": values.median(),
        "variance": values.var(ddof=1),
        "p95": values.quantile(0.95),
    }


print(json.dumps({name: expected(name, how) for name, how in FILES.items()}, indent=1))
