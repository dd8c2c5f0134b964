use std::{
    env,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_are_whole_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    save(&path, b"first").unwrap();
    save(&path, b"second").unwrap();
    assert_eq!(load(&path).unwrap(), b"second");
    let error = write(&path, |to| {
        to.write_all(b"third")?;
        Err(io::Error::other("no more"))
    });
    assert!(error.unwrap_err().to_string().contains("no more"));
    assert_eq!(load(&path).unwrap(), b"second");
    assert_eq!(names(folder.path()), ["key"]);
    let error = save(folder.path().join("absent").join("key"), b"third").unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
    assert!(save(folder.path(), b"a folder").is_err());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Whatever `fs::write` gives a file.
    fn usual(folder: &Path) -> u32 {
        let path = folder.join("usual");
        fs::write(&path, b"").unwrap();
        mode(&path)
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_new_one_has_the_usual() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        save(&path, b"new").unwrap();
        assert_eq!(mode(&path), usual(folder.path()));
        for kept in [0o644, 0o664, 0o640, 0o600, 0o755, 0o444] {
            set_mode(&path, kept);
            save(&path, b"again").unwrap();
            assert_eq!(mode(&path), kept, "{:o}", mode(&path));
        }
    }

    #[test]
    fn secrets_are_their_owner_s_from_the_first_byte_on() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["new", "open", "closed"] {
            let path = folder.path().join(name);
            if name != "new" {
                fs::write(&path, b"before").unwrap();
                set_mode(&path, if name == "open" { 0o666 } else { 0o600 });
            }
            write_for(Readers::Owner, &path, |to| {
                to.write_all(b"secret")?;
                to.flush()?;
                let part = names(folder.path()).into_iter().find(|name| part::is_name(name)).unwrap();
                assert_eq!(mode(&folder.path().join(part)), 0o600);
                Ok(())
            })
            .unwrap();
            assert_eq!(mode(&path), 0o600, "{name}");
        }
        // Neither is what replaces a file that only its owner may read ever open to others.
        let path = folder.path().join("closed");
        write(&path, |_| {
            let part = names(folder.path()).into_iter().find(|name| part::is_name(name)).unwrap();
            assert_eq!(mode(&folder.path().join(part)), 0o600);
            Ok(())
        })
        .unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn links_stay_and_what_they_point_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("models");
        fs::create_dir(&inside).unwrap();
        let file = inside.join("first");
        fs::write(&file, b"old").unwrap();
        set_mode(&file, 0o640);
        // Relative to the folder of the link, through another link, and to what is not there yet.
        let (near, far, absent) =
            (inside.join("near"), folder.path().join("far"), folder.path().join("absent"));
        symlink("first", &near).unwrap();
        symlink("models/near", &far).unwrap();
        symlink("models/second", &absent).unwrap();
        save(&far, b"through").unwrap();
        save(&absent, b"made").unwrap();
        for link in [&near, &far, &absent] {
            assert!(fs::symlink_metadata(link).unwrap().is_symlink());
        }
        assert_eq!(load(&file).unwrap(), b"through");
        assert_eq!(mode(&file), 0o640);
        assert_eq!(load(inside.join("second")).unwrap(), b"made");
        assert_eq!(names(folder.path()), ["absent", "far", "models"]);
        let round = folder.path().join("round");
        symlink("round", &round).unwrap();
        assert!(save(&round, b"never").is_err());
        assert!(fs::symlink_metadata(&round).unwrap().is_symlink());
    }

    #[test]
    fn a_device_is_written_to() {
        save("/dev/null", b"away").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}

const FOLDER: &str = "FHEQAT_TEST_FOLDER";
const OLD: &[u8] = b"what was there before";
const HALF: &[u8] = b"half of a secret";

/// Writes half a file, says so and waits to be killed.
#[test]
#[ignore = "a process that another test starts and kills"]
fn half_a_write() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let _ = write_for(Readers::Owner, &folder.join("key"), |to| {
        to.write_all(HALF)?;
        to.flush()?;
        fs::write(folder.join("ready"), b"")?;
        thread::sleep(Duration::from_mins(1));
        Ok(())
    });
}

struct Writer(Child);

impl Writer {
    fn start(folder: &Path) -> Self {
        let _ = fs::remove_file(folder.join("ready"));
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--ignored", "file::tests::half_a_write"])
            .env(FOLDER, folder)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while !folder.join("ready").exists() {
            assert!(start.elapsed() < Duration::from_secs(30), "it does not write");
            thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }

    /// By `SIGKILL` on Unix: nothing of it runs any more.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn what_a_killed_process_leaves_behind_is_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let parts = || -> Vec<String> { names(folder).into_iter().filter(|name| part::is_name(name)).collect() };
    save(folder.join("key"), OLD).unwrap();
    let ours = ".fheqat-notes.part";
    let others = [ours, ".tmpAbCdEf", "fheqat-abcdefghijkl.part", ".fheqat-abcdefghijkl.part.txt"];
    for name in others {
        fs::write(folder.join(name), b"kept").unwrap();
    }

    let killed = Writer::start(folder);
    let left = parts();
    killed.kill();
    assert_eq!(parts(), left, "a killed process cannot remove what it wrote");
    assert_eq!(fs::read(folder.join(&left[0])).unwrap(), HALF);
    assert_eq!(load(folder.join("key")).unwrap(), OLD);

    let alive = Writer::start(folder);
    let held: Vec<String> = parts();
    assert_eq!(held.len(), 1, "the next write removes what is left: {held:?}");
    assert_ne!(held, left);
    save(folder.join("another"), b"beside a process that writes").unwrap();
    assert_eq!(parts(), held, "what is being written stays");
    alive.kill();
    save(folder.join("key"), b"new").unwrap();
    assert_eq!(parts(), Vec::<String>::new());
    assert_eq!(load(folder.join("key")).unwrap(), b"new");
    for name in others {
        assert_eq!(fs::read(folder.join(name)).unwrap(), b"kept");
    }
}

/// Each of many threads sweeps what the others are writing, and none loses it.
#[test]
fn writers_of_one_folder_do_not_disturb_one_another() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for writer in 0..8 {
            let path = folder.path().join(format!("file {}", writer % 3));
            scope.spawn(move || {
                for _ in 0..25 {
                    save(&path, &[writer; 4096]).unwrap();
                }
            });
        }
    });
    assert_eq!(names(folder.path()), ["file 0", "file 1", "file 2"]);
    for name in names(folder.path()) {
        let bytes = load(folder.path().join(name)).unwrap();
        assert!(bytes.len() == 4096 && bytes.iter().all(|byte| *byte == bytes[0]));
    }
}
