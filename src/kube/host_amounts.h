// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/objects.h"
#include "placement/amounts.h"

namespace melon::kube {

/// What resource lists say beside devices.
struct HostResources {
  placement::HostAmounts amounts = {};
  std::map<std::string, std::int64_t> extended =
      {};  // counted by name: vendor.com/x, hugepages-2Mi

  bool operator==(const HostResources&) const = default;
};

/// Whether a resource name belongs to devices, which are counted one by one and not here.
using IsDeviceResource = std::function<bool(std::string_view name)>;

/// Which way amounts that are no whole MiB or thousandth of a CPU go: what is asked for up, what is
/// there down, so that nothing fits by rounding.
enum class Round { kUp, kDown };

/// Reads a list of amounts. Errors: kInvalidArgument naming the resource, for what is no Kubernetes
/// quantity, negative, or out of range.
Result<HostResources> host_resources(const ResourceList& list, Round round,
                                     const IsDeviceResource& is_device);

/// What a container asks for: its requests, and its limits where it has no request of that name.
ResourceList asked_for(const Container& container);

}  // namespace melon::kube
