//! How IDWise delivers.
