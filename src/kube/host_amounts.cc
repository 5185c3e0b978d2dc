// SPDX-License-Identifier: Apache-2.0
// Reads CPU, memory and what else Kubernetes counts from resource lists.
#include "kube/host_amounts.h"

#include <fmt/format.h>

#include <limits>

#include "base/kube_quantity.h"

namespace melon::kube {
namespace {

constexpr std::int64_t kBillionthsPerMilli = 1'000'000;
constexpr std::int64_t kBytesPerMiB = std::int64_t{1} << 20;
/// Amounts of many pods are added: what one may say leaves room for a million of them.
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() >> 20;

Result<KubeQuantity> read(const std::string& name, const std::string& text) {
  auto quantity = parse_kube_quantity(text);
  if (!quantity) {
    Error error = std::move(quantity).error();
    error.message = fmt::format("{}: {}", name, error.message);
    return tl::unexpected<Error>(std::move(error));
  }
  if (quantity->whole < 0)
    return fail(Code::kInvalidArgument, fmt::format("{}: {} is negative", name, text),
                "write an amount from 0 on");
  return quantity;
}

Result<std::int64_t> within(const std::string& name, const std::string& text, std::int64_t amount) {
  if (amount <= kMost) return amount;
  return fail(Code::kInvalidArgument, fmt::format("{}: {} is out of range", name, text),
              fmt::format("write at most {}", kMost));
}

/// A quantity divided by a number of its units.
std::int64_t divided(const KubeQuantity& quantity, std::int64_t unit, Round round) {
  const bool has_rest = quantity.whole % unit != 0 || quantity.billionths != 0;
  return quantity.whole / unit + (round == Round::kUp && has_rest ? 1 : 0);
}

std::int64_t thousandths(const KubeQuantity& quantity, Round round) {
  if (quantity.whole > kMost / 1000) return kMost + 1;
  const bool has_rest = quantity.billionths % kBillionthsPerMilli != 0;
  return quantity.whole * 1000 + quantity.billionths / kBillionthsPerMilli +
         (round == Round::kUp && has_rest ? 1 : 0);
}

bool is_counted_by_name(std::string_view name) {
  const bool is_native = name.find("kubernetes.io/") != std::string_view::npos;
  return name.starts_with("hugepages-") || name.starts_with("attachable-volumes-") ||
         (name.find('/') != std::string_view::npos && !is_native);
}

/// Where the amount of a resource belongs; null for what is not counted here.
std::int64_t* place(HostResources& into, const std::string& name) {
  if (name == "cpu") return &into.amounts.cpu_milli;
  if (name == "memory") return &into.amounts.memory_mib;
  if (name == "ephemeral-storage") return &into.amounts.ephemeral_mib;
  if (name == "pods") return &into.amounts.pods;
  return is_counted_by_name(name) ? &into.extended[name] : nullptr;
}

}  // namespace

Result<HostResources> host_resources(const ResourceList& list, Round round,
                                     const IsDeviceResource& is_device) {
  HostResources resources;
  for (const auto& [name, text] : list) {
    if (is_device(name)) continue;
    std::int64_t* const amount = place(resources, name);
    if (amount == nullptr) continue;
    MELON_TRY(const KubeQuantity quantity, read(name, text));
    const bool is_bytes = name == "memory" || name == "ephemeral-storage";
    const std::int64_t unit = is_bytes ? kBytesPerMiB : 1;
    MELON_TRY(*amount, within(name, text,
                              name == "cpu" ? thousandths(quantity, round)
                                            : divided(quantity, unit, round)));
  }
  return resources;
}

ResourceList asked_for(const Container& container) {
  ResourceList asked = container.requests;
  asked.insert(container.limits.begin(), container.limits.end());  // keeps what is there
  return asked;
}

}  // namespace melon::kube
