// SPDX-License-Identifier: Apache-2.0
// The order in which tasks arrive: read from a file, or drawn.
#include "simulate/arrivals.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

namespace melon::simulate {
namespace {

/// A rank that two nodes have.
std::optional<std::uint32_t> shared_rank(std::vector<std::uint32_t> ranks) {
  std::ranges::sort(ranks);
  const auto twice = std::ranges::adjacent_find(ranks);
  return twice == ranks.end() ? std::nullopt : std::optional(*twice);
}

/// The words of one line, with their places for messages.
class Words {
 public:
  Words(const std::string& file, std::size_t number, std::string_view line)
      : file_(file), number_(number), line_(line) {}

  std::optional<std::string_view> next() {
    while (at_ < line_.size() && line_[at_] == ' ') ++at_;
    if (at_ >= line_.size()) return std::nullopt;
    begin_ = at_;
    at_ = std::min(line_.find(' ', at_), line_.size());
    return line_.substr(begin_, at_ - begin_);
  }

  tl::unexpected<Error> refuse(std::string_view rule, std::string remedy) const {
    return fail(Code::kInvalidArgument,
                fmt::format("{}:{}:{}: {}", file_, number_, begin_ + 1, rule), std::move(remedy));
  }

  Result<std::uint64_t> number(std::string_view word, std::uint64_t bound) const {
    std::uint64_t value = 0;
    const auto [end, reason] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (reason != std::errc() || end != word.data() + word.size() || value >= bound)
      return refuse(fmt::format("'{}' is not a number below {}", word.substr(0, 30), bound),
                    "the files of nodes, pods and arrivals must belong together");
    return value;
  }

 private:
  const std::string& file_;
  std::size_t number_;
  std::string_view line_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
};

Result<> read_line(Words words, const Trace& trace, std::map<std::uint64_t, Arrivals>& seeds) {
  const auto first = words.next();
  if (!first) return {};
  MELON_TRY(const std::uint64_t seed, words.number(*first, ~std::uint64_t{0}));
  const auto kind = words.next();
  if (kind != "P" && kind != "N")
    return words.refuse("after the seed stands P (pods) or N (nodes)",
                        "write \"SEED P i i ...\" or \"SEED N r r ...\"");
  const bool is_pods = kind == "P";
  std::vector<std::uint32_t>& list = is_pods ? seeds[seed].pods : seeds[seed].ranks;
  if (!list.empty())
    return words.refuse(fmt::format("a second line of seed {}", seed), "remove one of them");
  const std::uint64_t bound = is_pods ? trace.pods.size() : std::uint64_t{1} << 32U;
  while (const auto word = words.next()) {
    MELON_TRY(const std::uint64_t value, words.number(*word, bound));
    list.push_back(static_cast<std::uint32_t>(value));
  }
  if (!is_pods && list.size() != trace.nodes.size())
    return words.refuse(fmt::format("{} ranks for {} nodes", list.size(), trace.nodes.size()),
                        "give every node one rank");
  if (const auto rank = is_pods ? std::nullopt : shared_rank(list))
    return words.refuse(fmt::format("two nodes have the rank {}", *rank),
                        "give every node a rank of its own");
  if (list.empty())
    return words.refuse(fmt::format("no task arrives with seed {}", seed),
                        "write the tasks' positions in the file of pods, counted from 0");
  return {};
}

template <class T>
void shuffle(std::vector<T>& values, Dice& dice) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[dice.below(i)]);
}

}  // namespace

std::size_t Dice::below(std::size_t bound) {
  // splitmix64; the high half times the bound is uniform enough for bounds below 2^32.
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  z ^= z >> 31U;
  return static_cast<std::size_t>(((z >> 32U) * bound) >> 32U);
}

Result<std::map<std::uint64_t, Arrivals>> read_arrivals(const NamedText& source,
                                                        const Trace& trace) {
  std::map<std::uint64_t, Arrivals> seeds;
  std::string_view rest = source.text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    MELON_RETURN_IF_ERROR(read_line(Words(source.name, number, line), trace, seeds));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (seeds.empty())
    return fail(Code::kInvalidArgument, fmt::format("{}: no arrivals in it", source.name),
                "write \"SEED P i i ...\" and \"SEED N r r ...\", or leave --arrivals out");
  for (const auto& [seed, arrivals] : seeds) {
    const bool has_ranks = !arrivals.ranks.empty();
    if (!has_ranks || arrivals.pods.empty())
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: seed {} has no line of {}", source.name, seed,
                              has_ranks ? "tasks" : "node ranks"),
                  fmt::format("add a line \"{} {}\"", seed, has_ranks ? "P i i ..." : "N r r ..."));
  }
  return seeds;
}

Arrivals make_arrivals(const Trace& trace, std::uint64_t seed, int most_percent) {
  Dice dice(seed);
  Arrivals arrivals;
  arrivals.pods.resize(trace.pods.size());
  std::iota(arrivals.pods.begin(), arrivals.pods.end(), 0U);
  std::ranges::sort(arrivals.pods, {}, [&](std::uint32_t i) { return trace.pods[i].name; });
  shuffle(arrivals.pods, dice);
  std::int64_t asked = 0;
  for (const TracePod& pod : trace.pods) asked += pod.gpu_milli();
  const std::int64_t most = gpu_milli_of(trace.nodes) / 100 * most_percent;
  while (asked > 0 && !trace.pods.empty()) {
    const auto drawn = static_cast<std::uint32_t>(dice.below(trace.pods.size()));
    asked += trace.pods[drawn].gpu_milli();
    if (asked > most) break;
    arrivals.pods.push_back(drawn);
  }
  arrivals.ranks.resize(trace.nodes.size());
  std::iota(arrivals.ranks.begin(), arrivals.ranks.end(), 0U);
  shuffle(arrivals.ranks, dice);
  return arrivals;
}

}  // namespace melon::simulate
