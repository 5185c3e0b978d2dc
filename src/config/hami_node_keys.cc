// SPDX-License-Identifier: Apache-2.0
// The settings of nodes in HAMi's configuration, by one table of their keys.
#include "config/detail/hami_node_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config/detail/fields.h"

namespace melon::config::detail {
namespace {

/// Where devices offer more memory than they have, containers are told.
Result<> put_memory_scaling(const std::string& file, const Document& value,
                            vendors::NodeSettings& settings) {
  const char* const end = value.scalar.data() + value.scalar.size();
  double scaling = 0;
  const auto [rest, error] = std::from_chars(value.scalar.data(), end, scaling);
  if (error != std::errc{} || rest != end || !(scaling > 0))
    return fail_at(file, value.line, fmt::format("{} '{}' is no factor", value.key, value.scalar),
                   "write 1, or more where devices offer more memory than they have");
  settings.environment.erase("CUDA_OVERSUBSCRIBE");
  if (scaling > 1) settings.environment["CUDA_OVERSUBSCRIBE"] = "true";
  return {};
}

Result<> put_no_core_limit(const std::string& file, const Document& value,
                           vendors::NodeSettings& settings) {
  MELON_TRY(const bool is_off, Codec<bool>::read(file, value));
  settings.environment.erase("GPU_CORE_UTILIZATION_POLICY");
  if (is_off) settings.environment["GPU_CORE_UTILIZATION_POLICY"] = "disable";
  return {};
}

Result<> put_log_level(const std::string& file, const Document& value,
                       vendors::NodeSettings& settings) {
  MELON_TRY(const std::int64_t level, Codec<std::int64_t>::read(file, value));
  settings.environment["LIBCUDA_LOG_LEVEL"] = std::to_string(level);
  return {};
}

Result<> put_mode(const std::string& file, const Document& value, vendors::NodeSettings& settings) {
  MELON_TRY(settings.mode, Codec<std::string>::read(file, value));
  return {};
}

Result<> put_hidden(const std::string& file, const Document& value,
                    vendors::NodeSettings& settings) {
  for (const Document& list : value.items) {
    if (lowered(list.key) == "uuid") {
      MELON_TRY(settings.hidden_uuids, Codec<std::vector<std::string>>::read(file, list));
    } else if (lowered(list.key) == "index") {
      MELON_TRY(settings.hidden_indices, Codec<std::vector<std::int64_t>>::read(file, list));
    } else {
      return fail_at(file, list.line, fmt::format("'{}' is no field of {}", list.key, value.key),
                     "write uuid and index");
    }
  }
  return {};
}

constexpr std::array kNodeKeys = {
    NodeKey{"devicememoryscaling", put_memory_scaling},
    NodeKey{"disablecorelimit", put_no_core_limit}, NodeKey{"libcudaloglevel", put_log_level},
    NodeKey{"operatingmode", put_mode}, NodeKey{"filterdevices", put_hidden}};

/// What nodes have done before they register: it is in the registration.
constexpr std::array<std::string_view, 3> kRegistered = {"devicesplitcount", "devicecorescaling",
                                                         "preconfigureddevicememory"};

}  // namespace

std::string lowered(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

const NodeKey* find_node_key(const std::string& key) {
  const auto* const found = std::ranges::find(kNodeKeys, lowered(key), &NodeKey::key);
  return found == kNodeKeys.end() ? nullptr : found;
}

bool is_in_registration(const std::string& key) {
  return std::ranges::find(kRegistered, lowered(key)) != kRegistered.end();
}

}  // namespace melon::config::detail
