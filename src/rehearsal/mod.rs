//! The main job, step by step.

pub mod verify;
