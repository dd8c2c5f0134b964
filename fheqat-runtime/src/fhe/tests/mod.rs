mod exact;
mod graphs;
mod timing;
