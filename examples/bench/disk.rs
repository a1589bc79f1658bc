//! What the disk itself takes for one durable write.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// Median of 200 times 4 KiB and `fdatasync`, appended to one preallocated file.
pub fn fdatasync(dir: &Path) -> io::Result<Duration> {
    let path = dir.join("fdatasync-probe");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0; 200 * 4096])?;
    file.sync_all()?;
    let mut file = File::options().write(true).open(&path)?;
    let mut times = Vec::with_capacity(200);
    for round in 0..200_u8 {
        let start = Instant::now();
        file.write_all(&[round; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[100])
}
