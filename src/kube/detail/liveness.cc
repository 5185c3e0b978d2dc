// SPDX-License-Identifier: Apache-2.0
// Judges whether the devices that a node once announced are still there.
#include "kube/detail/liveness.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <vector>

#include "annotations/handshake.h"

namespace melon::kube::detail {
namespace {

using vendors::Backend;
using vendors::LivenessKind;

/// How many devices the kubelet counts; nothing where the node does not list the resource.
std::optional<std::int64_t> counted(const Backend& backend, const Node& node) {
  std::vector<std::string> names = {backend.resources.count};
  for (const vendors::Alias& alias : backend.aliases)
    if (alias.stands_for == vendors::Resource::kCount) names.push_back(alias.name);
  std::optional<std::int64_t> sum;
  for (const std::string& name : names) {
    auto found = node.allocatable.find(name);
    if (found == node.allocatable.end()) {
      found = node.capacity.find(name);
      if (found == node.capacity.end()) continue;
    }
    std::int64_t count = 0;
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), count);
    sum = sum.value_or(0) + count;
  }
  return sum;
}

/// The handshake annotation that the node has, today's or a historic one.
std::optional<std::pair<std::string, std::string>> handshake_of(const Backend& backend,
                                                                const Node& node) {
  std::vector<std::string> keys = {backend.liveness.annotation};
  keys.insert(keys.end(), backend.liveness.historic.begin(), backend.liveness.historic.end());
  for (const std::string& key : keys)
    if (const auto found = node.metadata.annotations.find(key);
        found != node.metadata.annotations.end())
      return *found;
  return std::nullopt;
}

}  // namespace

std::optional<Error> gone(const Backend& backend, const Node& node, std::int64_t unix_seconds) {
  const auto count = counted(backend, node);
  if (backend.liveness.kind == LivenessKind::kCapacity && count == 0)
    return Error{Code::kUnavailable,
                 fmt::format("announces devices of {}, but has 0 of {}", backend.word,
                             backend.resources.count),
                 "its device plugin does not run; the devices do not count until it does"};
  if (backend.liveness.kind != LivenessKind::kHandshake) return std::nullopt;
  const auto handshake = handshake_of(backend, node);
  if (!handshake) return std::nullopt;
  const annotations::HandshakeClock clock{.unix_seconds = unix_seconds};
  if (judge_handshake(handshake->second, count.value_or(0), clock).healthy) return std::nullopt;
  return Error{Code::kUnavailable,
               fmt::format("annotation {} '{}': nobody has answered, and the node has 0 of {}",
                           handshake->first, handshake->second, backend.resources.count),
               "its device plugin does not run; the devices do not count until it does"};
}

}  // namespace melon::kube::detail
