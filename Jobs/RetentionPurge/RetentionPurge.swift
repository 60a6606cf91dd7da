/// Comes with its job.
