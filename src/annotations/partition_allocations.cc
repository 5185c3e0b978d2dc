// SPDX-License-Identifier: Apache-2.0
// Reads and writes the partitions that a pod was given.
#include "annotations/partition_allocations.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "annotations/detail/registration_json.h"

namespace melon::annotations {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMigUuid = "migUUID";
constexpr const char* kGpuInstance = "gpuInstanceID";
constexpr const char* kComputeInstance = "computeInstanceID";

Result<std::int64_t> number_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return 0;
  return detail::read_number(kPartitionAllocations, name,
                             found->is_number_integer() ? found->dump() : "?");
}

Result<std::string> text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found != object.end() && found->is_string()) return found->get<std::string>();
  return detail::bad_text(kPartitionAllocations, fmt::format("field {} is no text", name));
}

Result<std::optional<PartitionInstance>> instance_of(const Json& object) {
  const int given = int{object.contains(kMigUuid)} + int{object.contains(kGpuInstance)} +
                    int{object.contains(kComputeInstance)};
  if (given == 0) return std::optional<PartitionInstance>();
  if (given != 3)
    return detail::bad_text(kPartitionAllocations,
                            fmt::format("fields {}, {} and {} stand together or not at all",
                                        kMigUuid, kGpuInstance, kComputeInstance));
  PartitionInstance instance;
  MELON_TRY(instance.uuid, text_of(object, kMigUuid));
  MELON_TRY(instance.gpu_instance, number_of(object, kGpuInstance));
  MELON_TRY(instance.compute_instance, number_of(object, kComputeInstance));
  return std::optional(std::move(instance));
}

Result<PartitionAllocation> read_one(const Json& object) {
  if (!object.is_object()) return detail::bad_text(kPartitionAllocations, "an item is no object");
  PartitionAllocation one;
  MELON_TRY(one.container, number_of(object, "containerIndex"));
  MELON_TRY(one.device, number_of(object, "deviceIndex"));
  MELON_TRY(one.gpu_uuid, text_of(object, "gpuUUID"));
  MELON_TRY(one.profile, text_of(object, "profile"));
  const auto placement = object.find("placement");
  if (placement == object.end() || !placement->is_object())
    return detail::bad_text(kPartitionAllocations, "field placement is no object");
  MELON_TRY(one.start, number_of(*placement, "start"));
  MELON_TRY(one.size, number_of(*placement, "size"));
  MELON_TRY(one.instance, instance_of(object));
  return one;
}

}  // namespace

std::string encode_partition_allocations(const std::vector<PartitionAllocation>& allocations) {
  Json list = Json::array();
  for (const PartitionAllocation& one : allocations) {
    Json object = {{"containerIndex", one.container},
                   {"deviceIndex", one.device},
                   {"gpuUUID", one.gpu_uuid},
                   {"profile", one.profile},
                   {"placement", {{"start", one.start}, {"size", one.size}}}};
    if (one.instance) {
      object[kMigUuid] = one.instance->uuid;
      object[kGpuInstance] = one.instance->gpu_instance;
      object[kComputeInstance] = one.instance->compute_instance;
    }
    list.push_back(std::move(object));
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::vector<PartitionAllocation>> decode_partition_allocations(std::string_view text) {
  if (text.size() > detail::kMostBytes)
    return detail::bad_text(kPartitionAllocations, "larger than 1 MiB");
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_array())
    return detail::bad_text(kPartitionAllocations, "no JSON list");
  std::vector<PartitionAllocation> allocations;
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (const Json& object : json) {
    MELON_TRY(PartitionAllocation one, read_one(object));
    if (!seen.emplace(one.container, one.device).second)
      return detail::bad_text(
          kPartitionAllocations,
          fmt::format("container {}, device {} is given twice", one.container, one.device));
    allocations.push_back(std::move(one));
  }
  return allocations;
}

}  // namespace melon::annotations
