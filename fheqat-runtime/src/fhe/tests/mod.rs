mod exact;
mod graphs;
