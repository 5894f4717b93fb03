//! How long the engine takes to append, open, summarise and read back.
//!
//! Stores are made in the system's temporary directory (`TMPDIR`). A durable append
//! mostly costs what a sync costs on that disk.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gaugelog::{Observation, Options, Store, SyncPolicy};
use tempfile::TempDir;

const SIZES: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// About N(14, 3), a second apart, and the same in each run.
fn series(count: u64) -> Vec<Observation> {
    let mut random = 7_u64;
    let mut uniform = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as f64 / u64::MAX as f64
    };
    let mut normal = move || 14.0 + 3.0 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0);
    let seconds = 1..=i64::try_from(count).expect("a small count");
    seconds.map(|second| Observation::new(second * 1_000_000_000, normal())).collect()
}

fn created(options: &Options) -> (TempDir, PathBuf, Store) {
    let guard = tempfile::tempdir().expect("a temporary directory");
    let path = guard.path().join("store");
    let store = options.create(&path).expect("created");
    (guard, path, store)
}

fn filled(count: u64) -> (TempDir, PathBuf, Store) {
    let made = created(&Options::new());
    made.2.append_batch(&series(count)).expect("appended");
    made
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    let never = Options::new().sync(SyncPolicy::Never);
    let one = Observation::new(0, 14.2);

    let (_guard, _, store) = created(&Options::new());
    group.bench_function("single, durable", |bench| bench.iter(|| store.append(black_box(one))));
    let (_guard, _, store) = created(&never);
    group.bench_function("single, not synced", |bench| bench.iter(|| store.append(black_box(one))));

    let (_guard, _, store) = created(&Options::new());
    let mut writer = store.writer().expect("a writer");
    group.bench_function("held, durable", |bench| {
        bench.iter(|| writer.push(black_box(one)).and_then(|()| writer.flush()));
    });
    let (_guard, _, store) = created(&never);
    let mut writer = store.writer().expect("a writer");
    group.bench_function("held, not synced", |bench| bench.iter(|| writer.push(black_box(one))));

    for count in SIZES {
        let observations = series(count);
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(BenchmarkId::new("pushed", count), &observations, |bench, all| {
            bench.iter_batched_ref(
                || created(&never),
                |(_, _, store)| {
                    let mut writer = store.writer().expect("a writer");
                    for observation in all {
                        writer.push(*observation).expect("pushed");
                    }
                    writer.sync().expect("synced");
                },
                BatchSize::PerIteration,
            );
        });
        for (name, options) in
            [("batch, durable", Options::new()), ("batch, not synced", never.clone())]
        {
            group.bench_with_input(BenchmarkId::new(name, count), &observations, |bench, all| {
                bench.iter_batched_ref(
                    || created(&options),
                    |(_, _, store)| store.append_batch(all).expect("appended"),
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for count in SIZES {
        let (_guard, path, _) = filled(count);
        group.bench_function(BenchmarkId::new("open and summary", count), |bench| {
            bench.iter(|| Options::new().snapshot(&path)?.summary());
        });
        group.bench_function(BenchmarkId::new("open, append, close", count), |bench| {
            let options = Options::new().sync(SyncPolicy::Never);
            bench.iter(|| options.open(&path)?.append(black_box(Observation::new(0, 14.2))));
        });
    }
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for count in SIZES {
        let (_guard, _, store) = filled(count);
        let snapshot = store.snapshot().expect("a snapshot");
        let middle = i64::try_from(count).expect("a small count") / 2 * 1_000_000_000;
        let all = snapshot.window(..);
        let hundredth = snapshot.window(middle - middle / 50..middle);
        group.bench_function(BenchmarkId::new("snapshot", count), |bench| {
            bench.iter(|| store.snapshot());
        });
        group.bench_function(BenchmarkId::new("summary of a hundredth", count), |bench| {
            bench.iter(|| hundredth.summary());
        });
        group.bench_function(BenchmarkId::new("quantile of a hundredth", count), |bench| {
            bench.iter(|| hundredth.quantile(black_box(0.95)));
        });
        group.bench_function(BenchmarkId::new("latest ten", count), |bench| {
            bench.iter(|| snapshot.latest(10).map(|it| it.expect("read").1.value).sum::<f64>());
        });
        group.bench_function(BenchmarkId::new("summary of half", count), |bench| {
            bench.iter(|| snapshot.window(..middle).summary());
        });
        group.bench_function(BenchmarkId::new("quantile estimate", count), |bench| {
            bench.iter(|| snapshot.quantile_estimate(black_box(0.5)));
        });
        group.bench_function(BenchmarkId::new("1,000 columns", count), |bench| {
            bench.iter(|| all.columns(1_000));
        });
        group.bench_function(BenchmarkId::new("buckets of an hour", count), |bench| {
            bench.iter(|| all.buckets(Duration::from_secs(3_600), 0));
        });
        group.bench_function(BenchmarkId::new("median", count), |bench| {
            bench.iter(|| snapshot.median());
        });
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::new("histogram", count), |bench| {
            bench.iter(|| all.histogram(10));
        });
        group.bench_function(BenchmarkId::new("all by time", count), |bench| {
            bench.iter(|| all.iter().map(|it| it.expect("read").value).sum::<f64>());
        });
        group.bench_function(BenchmarkId::new("all by sequence", count), |bench| {
            bench
                .iter(|| snapshot.by_sequence(..).map(|it| it.expect("read").1.value).sum::<f64>());
        });
    }
}

fn maintain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("maintain");
    for count in SIZES {
        let observations = series(count);
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::new("seal", count), |bench| {
            let options = Options::new().sync(SyncPolicy::Never).log_bytes_max(1 << 30);
            bench.iter_batched_ref(
                || {
                    let (guard, _, store) = created(&options);
                    let mut writer = store.writer().expect("a writer");
                    for observation in &observations {
                        writer.push(*observation).expect("pushed");
                    }
                    writer.flush().expect("written");
                    (guard, writer)
                },
                |(_, writer)| writer.seal().expect("sealed"),
                BatchSize::PerIteration,
            );
        });
        let (guard, path, store) = filled(count);
        group.bench_function(BenchmarkId::new("verify", count), |bench| {
            bench.iter(|| store.verify());
        });
        group.bench_function(BenchmarkId::new("repair an undamaged store", count), |bench| {
            bench.iter(|| Options::new().repair(&path));
        });
        group.bench_function(BenchmarkId::new("copy", count), |bench| {
            let copy = guard.path().join("copy");
            bench.iter_batched_ref(
                || drop(std::fs::remove_dir_all(&copy)),
                |()| store.copy_to(&copy).expect("copied"),
                BatchSize::PerIteration,
            );
        });
        let half = i64::try_from(count).expect("a small count") / 2 * 1_000_000_000;
        for (name, is_by_time) in [("remove before the middle", true), ("keep 64 KiB", false)] {
            group.bench_function(BenchmarkId::new(name, count), |bench| {
                bench.iter_batched_ref(
                    || filled(count),
                    |(_, _, store)| {
                        if is_by_time {
                            store.remove_before(half)
                        } else {
                            store.keep_bytes(64 << 10)
                        }
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

criterion_group! {
    name = engine;
    config = Criterion::default().sample_size(20);
    targets = append, open, read, maintain
}
criterion_main!(engine);
