//! Makes `simple-service.gvmi` from one static program: `image/build` calls it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use gaugelog_image::{Result, gvmi, service};

/// Make the image of a VM around one static program.
#[derive(Parser)]
struct Arguments {
    /// The program, linked statically. It is all of the service's programs, by name.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// The image to write.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    /// Write the same files into this new directory too, for `docker build`.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gaugelog-image: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let tree = service::tree(&arguments.program)?;
    if let Some(root) = &arguments.root {
        tree.write_to(root)?;
    }
    let image = gvmi::encode(&tree, &service::config())?;
    let path = &arguments.image;
    std::fs::write(path, &image).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    println!("{}", path.display());
    println!("size     {} bytes", image.len());
    println!("SHA3-224 {}", gvmi::name(&image));
    Ok(())
}
