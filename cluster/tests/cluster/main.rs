//! What a cluster computes is what one machine computes, whoever dies on the way.

mod business;
mod crash;
mod equal;
mod program;
