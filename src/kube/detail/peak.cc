// SPDX-License-Identifier: Apache-2.0
// What a pod holds at its peak.
#include "kube/detail/peak.h"

#include <algorithm>
#include <map>
#include <string>

namespace melon::kube::detail {
namespace {

using placement::Amounts;

struct Load {
  Amounts sidecars = {};
  Amounts apps = {};
  Amounts most = {};
};

/// How a container counts: HAMi 2.9 knows no times at which they run.
ContainerRole role_of(const HeldByContainer& container, vendors::Compatibility compat) {
  return compat == vendors::Compatibility::kHami29 ? ContainerRole::kApp : container.role;
}

/// What a container has of each device: of one that is cut it may have several slices.
std::map<std::string, Amounts> by_device(const HeldByContainer& container) {
  std::map<std::string, Amounts> sums;
  for (const placement::BookedSlice& slice : container.slices) sums[slice.uuid] += slice.amounts;
  return sums;
}

}  // namespace

std::vector<placement::BookedSlice> peak_of(std::span<const HeldByContainer> containers,
                                            bool init_is_done, vendors::Compatibility compat) {
  std::map<std::string, Load> loads;
  for (const HeldByContainer& container : containers)
    for (const auto& [uuid, amounts] : by_device(container)) {
      Load& load = loads[uuid];
      switch (role_of(container, compat)) {
        case ContainerRole::kInit:
          if (!init_is_done) load.most = largest_of(load.most, load.sidecars + amounts);
          break;
        case ContainerRole::kSidecar:
          load.sidecars += amounts;
          break;
        case ContainerRole::kApp:
          load.apps += amounts;
          break;
      }
    }
  std::vector<placement::BookedSlice> peak;
  for (const auto& [uuid, load] : loads) {
    const Amounts most = largest_of(load.most, load.apps + load.sidecars);
    if (most != Amounts{}) peak.push_back({.uuid = uuid, .amounts = most});
  }
  return peak;
}

vendors::QuotaAmounts peak_amounts_of(std::span<const HeldByContainer> containers,
                                      bool init_is_done, vendors::Compatibility compat) {
  vendors::QuotaAmounts sidecars;
  vendors::QuotaAmounts stay;
  vendors::QuotaAmounts most;
  const auto raise = [&most](const vendors::QuotaAmounts& amounts) {
    for (const auto& [backend, amount] : amounts) {
      most[backend].memory = std::max(most[backend].memory, amount.memory);
      most[backend].compute = std::max(most[backend].compute, amount.compute);
    }
  };
  for (const HeldByContainer& container : containers) {
    const ContainerRole role = role_of(container, compat);
    if (role == ContainerRole::kInit) {
      vendors::QuotaAmounts together = sidecars;
      vendors::add(together, container.amounts);
      if (!init_is_done) raise(together);
      continue;
    }
    if (role == ContainerRole::kSidecar) vendors::add(sidecars, container.amounts);
    vendors::add(stay, container.amounts);
  }
  raise(stay);
  return most;
}

}  // namespace melon::kube::detail
