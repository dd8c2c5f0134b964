"""Bits of security of the keys in lwe.txt, by malb's lattice-estimator and MATZOV's cost model.

    python estimate.py PATH_OF_LATTICE_ESTIMATOR [--jobs 2] [--every 1]

Exits with 1 when a key has less than 128 bits. README.md says how to install what it needs.
"""

import argparse
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

LEAST_BITS = 128
TABLE = Path(__file__).with_name("lwe.txt")


BLOCK = 3


def keys():
    """Distinct keys of the table: dimension, log2 q, log2 of the deviation in turns, and how bits are drawn."""
    rows = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    small = {(int(n), 32, float(deviation), kind) for kind, n, _, _, _, deviation, _ in rows if n != "0"}
    big = {(int(n), 64, float(deviation), "Uniform") for _, _, _, _, n, _, deviation in rows}
    return sorted(small | big)


def blocks(noise_distribution):
    """Bits in blocks of which at most one is 1, as lattice attacks and guesses see them.

    The bits of a block have variance `m (1 - m)` and covariance `-m^2`, m = 1 / (BLOCK + 1): variance m^2 in the direction (1, ..., 1) and m
    in all others. A lattice may be stretched until they are equal, which leaves their geometric mean. A guess of a block has BLOCK + 1 values.
    """
    mean = 1 / (BLOCK + 1)
    deviation = (mean**2 * mean ** (BLOCK - 1)) ** (1 / BLOCK / 2)

    class Blocks(noise_distribution):
        def __init__(self, n=None):
            super().__init__(n=n, mean=0.0, stddev=deviation, bounds=(0, 1), _density=BLOCK * mean)

        def resize(self, new_n):
            return Blocks(new_n)

        def __hash__(self):
            return hash(("blocks", self.n))

        def support_size(self, fraction=1.0):
            return math.ceil(fraction * (BLOCK + 1) ** (self.n / BLOCK))

    return Blocks()


def estimate(path, key):
    """The least of the attacks on a key, in bits, and each attack's."""
    import sage.all__sagemath_symbolics as sage

    sage.line = None  # imported for plots alone, and in none of the packages
    sys.modules["sage.all"] = sage
    sys.path.insert(0, path)
    from estimator import LWE, ND, RC
    from estimator.nd import NoiseDistribution

    dimension, log_modulus, deviation, kind = key
    secret = blocks(NoiseDistribution) if kind == "Blocks" else ND.Uniform(0, 1)
    modulus = 2**log_modulus
    noise = ND.DiscreteGaussian(2.0**deviation * modulus)
    instance = LWE.Parameters(n=dimension, q=modulus, Xs=secret, Xe=noise)
    attacks = {
        "uSVP": LWE.primal_usvp,
        "BDD": LWE.primal_bdd,
        "dual hybrid": LWE.dual_hybrid,
    }
    costs = {name: attack(instance, red_cost_model=RC.MATZOV) for name, attack in attacks.items()}
    bits = {name: math.log2(float(cost["rop"])) for name, cost in costs.items()}
    return key, min(bits.values()), bits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("estimator", help="a checkout of lattice-estimator")
    parser.add_argument("--jobs", type=int, default=1, help="keys estimated at once")
    parser.add_argument("--every", type=int, default=1, help="only every so many keys, one of them")
    options = parser.parse_args()

    weak = []
    with ProcessPoolExecutor(options.jobs) as pool:
        chosen = keys()[:: options.every]
        for key, least, bits in pool.map(partial(estimate, options.estimator), chosen):
            dimension, log_modulus, deviation, kind = key
            attacks = ", ".join(f"{name} {value:.1f}" for name, value in bits.items())
            print(f"{kind:<7} n {dimension:>5}, q 2^{log_modulus}, deviation 2^{deviation:.2f}: {least:.1f} bits ({attacks})", flush=True)
            if least < LEAST_BITS:
                weak.append(dimension)
    if weak:
        sys.exit(f"below {LEAST_BITS} bits: {weak}")
    print(f"{len(chosen)} keys, all of {LEAST_BITS} bits or more")


if __name__ == "__main__":
    main()
