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

}  // namespace

std::vector<placement::BookedSlice> peak_of(const std::vector<HeldByContainer>& containers,
                                            bool init_is_done) {
  std::map<std::string, Load> loads;
  for (const HeldByContainer& container : containers)
    for (const placement::BookedSlice& slice : container.slices) {
      Load& load = loads[slice.uuid];
      switch (container.role) {
        case ContainerRole::kInit:
          if (!init_is_done) load.most = largest_of(load.most, load.sidecars + slice.amounts);
          break;
        case ContainerRole::kSidecar:
          load.sidecars += slice.amounts;
          break;
        case ContainerRole::kApp:
          load.apps += slice.amounts;
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

vendors::QuotaAmounts peak_amounts_of(const std::vector<HeldByContainer>& containers,
                                      bool init_is_done) {
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
    if (container.role == ContainerRole::kInit) {
      vendors::QuotaAmounts together = sidecars;
      vendors::add(together, container.amounts);
      if (!init_is_done) raise(together);
      continue;
    }
    if (container.role == ContainerRole::kSidecar) vendors::add(sidecars, container.amounts);
    vendors::add(stay, container.amounts);
  }
  raise(stay);
  return most;
}

}  // namespace melon::kube::detail
