//! What only the whole can show: the path from tables to an answer, crashes, leakage, and the tidiness of the house.

mod crash;
mod leakage;
mod path;
mod program;
mod tidy;
