mod exact;
mod graphs;
mod noise;
mod timing;
