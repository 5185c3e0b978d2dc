// SPDX-License-Identifier: Apache-2.0
// What HAMi would be told about how to choose.
#include "kube/detail/hami_options.h"

#include <algorithm>
#include <utility>

namespace melon::kube::detail {
namespace {

constexpr const char* kNodePolicy = "hami.io/node-scheduler-policy";
constexpr const char* kCardPolicy = "hami.io/gpu-scheduler-policy";
constexpr const char* kWeights = "hami.io/device-scoring-weights";

const std::string* find_text(const Pod& pod, const char* key) {
  const auto found = pod.metadata.annotations.find(key);
  return found == pod.metadata.annotations.end() ? nullptr : &found->second;
}

/// Words of 2.10; 2.9 has some of them. Unknown ones say nothing, as there.
void add_word(const std::string& word, placement::HamiOptions& options) {
  if (word == "binpack") options.spreads_cards = false;
  if (word == "topology-aware" || word == "topology") options.links_first = true;
  if (word == "numa") options.numa_first = options.is_210;
  if (word == "mutex") options.unused_only = options.is_210;
}

void read_cards(const std::string& chain, placement::HamiOptions& options) {
  options.spreads_cards = true;
  std::string word;
  for (const char letter : chain + ",") {
    if (letter == ',') add_word(std::exchange(word, {}), options);
    if (letter != ',' && letter != ' ') word += letter;
  }
}

}  // namespace

Result<placement::HamiOptions> hami_options(const Pod& pod, vendors::Compatibility compat,
                                            const std::optional<placement::NamedPolicy>& asked) {
  placement::HamiOptions options{.is_210 = compat == vendors::Compatibility::kHami210};
  if (asked) {
    const placement::Policy& policy = asked->policy;
    options.spreads_nodes = policy.name == "spread";
    options.spreads_cards = policy.cards == placement::CardOrder::kEmptiest;
    options.links_first = policy.links_first;
    options.numa_first = options.is_210 && policy.numa_first;
    options.unused_only = options.is_210 && policy.unused_only;
    if (policy.weights != placement::CardWeights{}) options.weights = policy.weights;
  }
  if (const std::string* const node = find_text(pod, kNodePolicy))
    options.spreads_nodes = *node == "spread";
  if (const std::string* const cards = find_text(pod, kCardPolicy)) {
    options.links_first = options.numa_first = options.unused_only = false;
    read_cards(*cards, options);
  }
  const std::string* const weights = find_text(pod, kWeights);
  if (weights != nullptr && options.is_210) {
    MELON_TRY(options.weights, placement::parse_weights(*weights));
  }
  return options;
}

std::map<std::string, placement::QuotaLeft> quota_left(const vendors::QuotaLimits& limits,
                                                       const vendors::QuotaAmounts& held,
                                                       const vendors::Catalogue& catalogue) {
  std::map<std::string, placement::QuotaLeft> left;
  for (const auto& [id, limit] : limits) {
    const auto found = held.find(id);
    const vendors::QuotaAmount used = found == held.end() ? vendors::QuotaAmount{} : found->second;
    placement::QuotaLeft& quota = left[catalogue.backend(id).word];
    if (limit.memory) quota.memory_mib = limit.memory->count() - used.memory.count();
    if (limit.compute) quota.compute = *limit.compute - used.compute;
  }
  return left;
}

std::vector<placement::QuotaBound> quota_bounds(
    const std::string& space, const std::map<std::string, placement::QuotaLeft>& left) {
  const auto at_least_0 = [](std::optional<std::int64_t> amount) {
    return amount ? std::optional(std::max<std::int64_t>(0, *amount)) : amount;
  };
  std::vector<placement::QuotaBound> bounds;
  for (const auto& [vendor, quota] : left)
    bounds.push_back({.vendor = vendor,
                      .of = "namespace " + space,
                      .memory_mib = at_least_0(quota.memory_mib),
                      .compute = at_least_0(quota.compute)});
  return bounds;
}

std::string name_of(const placement::HamiOptions& options) {
  std::string name = options.spreads_nodes ? "spread/" : "binpack/";
  if (options.unused_only) name += "mutex,";
  if (options.numa_first) name += "numa,";
  if (options.links_first) name += "topology,";
  return name + (options.spreads_cards ? "spread" : "binpack");
}

}  // namespace melon::kube::detail
