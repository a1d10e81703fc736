//! Several processes, some of them killed. The test binary runs itself again as a worker.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use cube_core::{ChunkIndex, TimeValue};
use cube_store::{Cube, Error, Location};

use crate::support::*;

const WORKER: &str = "CUBE_STORE_TEST_WORKER";

/// Starts a worker: `role` on the cube at `location`, with a number, its count of rounds and a file to log to.
pub(crate) fn spawn(role: &str, location: &str, number: u32, rounds: u32, log: &Path, variables: &[(&str, &str)]) -> Child {
    let test = std::env::current_exe().expect("this program");
    let instructions = format!("{role}\n{location}\n{number}\n{rounds}\n{}", log.display());
    Command::new(test)
        .args(["processes::worker", "--exact", "--ignored", "--nocapture"])
        .env(WORKER, instructions)
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process")
}

/// Starts a worker that cannot write files of more than 100 blocks; the signal that comes with the attempt is ignored, as programs do.
pub(crate) fn spawn_limited(role: &str, location: &str, log: &Path) -> Child {
    let test = std::env::current_exe().expect("this program");
    let instructions = format!("{role}\n{location}\n0\n0\n{}", log.display());
    let limited = "trap '' XFSZ; ulimit -f 100; exec \"$0\" processes::worker --exact --ignored --nocapture";
    Command::new("sh")
        .arg("-c")
        .arg(limited)
        .arg(test)
        .env(WORKER, instructions)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process")
}

pub(crate) fn finish(child: Child) {
    let output = child.wait_with_output().expect("an exit");
    assert!(output.status.success(), "a worker failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// Not a test by itself: what the processes do that the tests start.
#[tokio::test]
#[ignore = "started by other tests"]
async fn worker() {
    let Ok(instructions) = std::env::var(WORKER) else { return };
    let [role, location, number, rounds, log] = instructions.lines().collect::<Vec<_>>()[..] else { panic!("five lines") };
    let (number, rounds): (u32, u32) = (number.parse().expect("a number"), rounds.parse().expect("a number"));
    let cube = Cube::open(&Location::parse(location).expect("a location"), &crate::s3::options_from_environment()).await.expect("a cube");
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
    match role {
        "commit" => commit_rounds(&cube, number, rounds, &mut log).await,
        "hold" => {
            let _writer = cube.writer().await.expect("the writer");
            writeln!(log, "held").expect("logged");
            std::thread::sleep(Duration::from_secs(60));
        }
        "overflow" => {
            let error = overflow(&cube).await.expect_err("too large");
            writeln!(log, "{error}\n{}", error.hint().unwrap_or_default()).expect("logged");
        }
        other => panic!("no role {other}"),
    }
}

/// Commits a unit that does not compress.
async fn overflow(cube: &Cube) -> Result<(), Error> {
    let layout = cube.snapshot().await?.layout().clone();
    let writer = cube.writer().await?;
    let noise = (0..layout.unit.len() as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_pow(3) >> 29) as u32).collect();
    let bytes = writer.encode("", "number", &cube_core::Pixels::UInt32(noise))?;
    let payload = writer.upload("", "number", bytes).await?;
    let state = cube_store::State::Loaded;
    let receipt = cube_store::Receipt { group: String::new(), band: "number".into(), step: day(0), at: unit(0, 0), payload, state, fingerprint: 1 };
    cube.commit(&batch(vec![receipt])).await.map(|_| ())
}

/// Each round commits three units of its own row, two of them in steps that other workers use as well.
async fn commit_rounds(cube: &Cube, number: u32, rounds: u32, log: &mut std::fs::File) {
    let layout = cube.snapshot().await.expect("a snapshot").layout().clone();
    let mut random = u64::from(number) * 7919 + 13;
    for round in 0..rounds {
        let writer = cube.writer().await.expect("a writer");
        let mut receipts = Vec::new();
        for j in 0..3_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let step = if j == 2 { day(1000 + i64::from(round) * 10 + i64::from(number)) } else { day((random >> 33) as i64 % 20) };
            let value = 1 + number * 10_000 + round * 10 + j;
            receipts.push(receipt(&writer, &layout, ("", "number"), step, unit(number, (round + j) % 5), value).await);
        }
        cube.commit(&batch(receipts.clone())).await.expect("committed");
        for r in receipts {
            writeln!(log, "{} {} {} {}", r.step.0, r.at.row, r.at.col, r.fingerprint).expect("logged");
        }
    }
}

/// What the logs say that the cube must hold: each worker has cells of its own, so its order decides.
pub(crate) fn logged(logs: &Path, workers: u32) -> BTreeMap<(TimeValue, ChunkIndex), u32> {
    let mut want = BTreeMap::new();
    for number in 0..workers {
        for line in std::fs::read_to_string(logs.join(format!("log{number}"))).unwrap_or_default().lines() {
            let v: Vec<i64> = line.split(' ').map(|n| n.parse().expect("a number")).collect();
            if let [step, row, col, value] = v[..] {
                want.insert((TimeValue(step), unit(row as u32, col as u32)), value as u32);
            }
        }
    }
    want
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_lose_nothing() {
    let (directory, cube) = on_disk("cube", &layout()).await;
    let rounds = 12;
    let location = cube.location().to_string();
    let workers: Vec<_> = (0..4).map(|n| spawn("commit", &location, n, rounds, &directory.path().join(format!("log{n}")), &[])).collect();
    workers.into_iter().for_each(finish);
    let snapshot = cube.snapshot().await.expect("a snapshot");
    let steps = snapshot.steps("").await.expect("steps");
    assert!(steps.is_sorted_by(|a, b| a < b));
    assert_eq!(contents(&snapshot, "", "number").await, logged(directory.path(), 4));
    assert_eq!(cube.history(10_000).await.expect("a history").len(), 4 * rounds as usize + 2, "every commit is kept");
}

/// A cell that was committed but not logged may hold what the killed round wrote; nothing else may differ.
#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_leave_a_true_cube() {
    for name in ["cube", "cube.zarr"] {
        let plain = name.ends_with(".zarr");
        let mut layout = layout();
        if plain {
            layout.time.declared = Some((0..20).chain(1000..3000).map(day).collect());
        }
        let (directory, cube) = on_disk(name, &layout).await;
        let location = cube.location().to_string();
        let writers = if plain { 1 } else { 3 };
        for kill in 0..12_u64 {
            let mut running: Vec<_> =
                (0..writers).map(|n| spawn("commit", &location, n, 1000, &directory.path().join(format!("log{n}")), &[])).collect();
            tokio::time::sleep(Duration::from_millis(40 + kill * 17 % 150)).await;
            for worker in &mut running {
                worker.kill().expect("killed");
            }
            for mut worker in running {
                worker.wait().expect("gone");
            }
            // Checks that ledger and pixels agree, and that everything logged is there.
            let cube = Cube::open(cube.location(), &options()).await.expect("opens");
            let snapshot = cube.snapshot().await.expect("a snapshot");
            let found = contents_of_killed(&snapshot, plain).await;
            let logged = logged(directory.path(), writers);
            for (at, value) in &logged {
                let there = found.get(at).copied();
                assert!(there.is_none_or(|v| v / 10_000 == value / 10_000), "{at:?}: {value} was committed, found {there:?}");
            }
            let missing = logged.keys().filter(|at| !found.contains_key(at)).count();
            // Plain Zarr unmarks what it is about to overwrite: the three units of the commit that was cut off.
            assert!(missing <= if plain { 3 * (kill as usize + 1) } else { 0 }, "{missing} units are gone");
        }
        finish(spawn("commit", &location, 0, 3, &directory.path().join("log0"), &[]));
        cube.gc(Duration::ZERO).await.expect("cleaned");
        let found =
            contents(&Cube::open(cube.location(), &options()).await.expect("opens").snapshot().await.expect("a snapshot"), "", "number").await;
        assert!(!found.is_empty());
    }
}

/// On plain Zarr a crash may leave a chunk that the ledger does not know (never the reverse), so only what the ledger knows is compared.
async fn contents_of_killed(snapshot: &cube_store::Snapshot, plain: bool) -> BTreeMap<(TimeValue, ChunkIndex), u32> {
    if !plain {
        return contents(snapshot, "", "number").await;
    }
    let layout = snapshot.layout();
    let units = layout.unit_grid(&layout.groups[0]);
    let mut all = BTreeMap::new();
    for (index, step) in snapshot.steps("").await.expect("steps").into_iter().enumerate() {
        let ledger = snapshot.ledger("", "number", index, cube_core::Window::whole(units.chunks())).await.expect("a ledger");
        for at in units.iter(ledger.units).filter(|at| ledger.at(*at).0 == cube_store::State::Loaded) {
            let pixels = snapshot.read("", "number", Some(step), units.window(at)).await.expect("pixels");
            let cube_core::Pixels::UInt32(pixels) = pixels else { panic!("numbers") };
            assert!(pixels[2..].iter().all(|v| u64::from(*v) == ledger.at(at).1), "marked as loaded but is not");
            all.insert((step, at), pixels[2]);
        }
    }
    all
}

#[tokio::test]
async fn plain_zarr_has_one_writer() {
    let (directory, cube) = on_disk("cube.zarr", &layout()).await;
    let log = directory.path().join("log0");
    let mut holder = spawn("hold", &cube.location().to_string(), 0, 0, &log, &[]);
    for _ in 0..600 {
        if std::fs::read_to_string(&log).is_ok_and(|t| t.contains("held")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = cube.writer().await.expect_err("another process writes");
    assert!(matches!(&error, Error::Busy { owner, .. } if owner.contains(&holder.id().to_string())), "{error}");
    assert!(error.is_transient() && error.hint().is_some_and(|h| h.contains("wait")));
    assert!(cube.snapshot().await.is_ok(), "readers are free");
    holder.kill().expect("killed");
    holder.wait().expect("gone");
    put(&cube, day(0), unit(0, 0), 1).await;
}
