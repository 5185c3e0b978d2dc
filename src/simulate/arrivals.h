// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "simulate/csv.h"
#include "simulate/trace.h"

namespace melon::simulate {

/// One run's chance: the order of tasks, and which node wins a tie.
struct Arrivals {
  std::vector<std::uint32_t> pods = {};   // positions in the trace, in order of arrival
  std::vector<std::uint32_t> ranks = {};  // of each node; the lowest wins
};

/// Reads stored orders, two lines for each seed: "SEED P i i i ..." with 0-based rows of the pod
/// file, and "SEED N r r r ..." with one rank for each node. Errors: kInvalidArgument with
/// file:line:column, also for a seed without one of its lines.
Result<std::map<std::uint64_t, Arrivals>> read_arrivals(const NamedText& source,
                                                        const Trace& trace);

/// Every task once in an order drawn by the seed, then tasks drawn with repetition for as long as
/// what arrived asks for at most `most_percent` of the cards. Node ranks are drawn too. The same
/// seed gives the same arrivals on every machine.
Arrivals make_arrivals(const Trace& trace, std::uint64_t seed, int most_percent);

/// A small generator of our own, because the standard's distributions differ between libraries.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  /// Uniform below the bound, which is at least 1.
  std::size_t below(std::size_t bound);

 private:
  std::uint64_t state_;
};

}  // namespace melon::simulate
