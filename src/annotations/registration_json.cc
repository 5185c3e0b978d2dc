// SPDX-License-Identifier: Apache-2.0
// Reads and writes the registrations of nodes that are JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "annotations/detail/registration_json.h"

namespace melon::annotations {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kWhat = "device registration";

/// The members of one JSON object, by the types that they should have. Absent ones are zero values,
/// as Go's omitempty writes them; numbers may be text.
class Members {
 public:
  Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  Result<std::string> text(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return std::string();
    if (found->is_string()) return found->get<std::string>();
    return wrong(name, "no text");
  }

  Result<std::int64_t> number(const char* name) const { return number(name, detail::read_number); }
  Result<std::int64_t> numa() const { return number("numa", detail::read_numa); }

  Result<bool> flag(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return false;
    if (found->is_boolean()) return found->get<bool>();
    return wrong(name, "not true or false");
  }

  const Json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  tl::unexpected<Error> wrong(const char* name, std::string_view rule) const {
    return detail::bad_text(kWhat, fmt::format("field {}.{} is {}", where_, name, rule));
  }

 private:
  using Read = Result<std::int64_t> (*)(std::string_view, std::string_view, std::string_view);

  Result<std::int64_t> number(const char* name, Read read) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return 0;
    if (found->is_string())
      return read(kWhat, where_ + "." + name, found->get_ref<const std::string&>());
    if (found->is_number_integer()) return read(kWhat, where_ + "." + name, found->dump());
    return wrong(name, "no whole number");
  }

  const Json& object_;
  std::string where_;
};

Result<Json> parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return detail::bad_text(kWhat, "not JSON");
  return json;
}

std::string scalar_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Result<vendors::PartitionProfile> read_profile(const Json& value, const std::string& where) {
  if (!value.is_object()) return detail::bad_text(kWhat, where + " is no object");
  const Members members(value, where);
  vendors::PartitionProfile profile;
  MELON_TRY(profile.name, members.text("name"));
  MELON_TRY(const std::int64_t memory, members.number("memoryMB"));
  profile.memory = MiB(memory);
  MELON_TRY(profile.compute_units, members.number("core"));
  MELON_TRY(profile.slices, members.number("sliceCount"));
  MELON_TRY(profile.most, members.number("instanceCount"));
  const Json* const placements = members.find("placements");
  if (placements == nullptr) return profile;
  if (!placements->is_array()) return members.wrong("placements", "no list");
  for (const Json& one : *placements) {
    if (!one.is_object()) return members.wrong("placements", "no list of objects");
    const Members place(one, where + ".placements");
    MELON_TRY(const std::int64_t start, place.number("start"));
    MELON_TRY(profile.size, place.number("size"));
    profile.starts.push_back(start);
  }
  return profile;
}

Result<> read_partitions(const Members& members, const std::string& where,
                         RegisteredDevice& device) {
  const Json* profiles = members.find("migProfiles");
  if (profiles == nullptr) return {};
  if (!profiles->is_array()) return members.wrong("migProfiles", "no list");
  for (const Json& one : *profiles) {
    MELON_TRY(auto profile, read_profile(one, where + ".migProfiles"));
    device.partitions.profiles.push_back(std::move(profile));
  }
  return {};
}

Result<> read_attributes(const Members& members, RegisteredDevice& device) {
  const Json* const custom = members.find("custominfo");
  if (custom == nullptr) return {};
  if (!custom->is_object()) return members.wrong("custominfo", "no object");
  for (const auto& [name, value] : custom->items()) device.attributes[name] = scalar_text(value);
  if (const auto minor = device.attributes.find("minor"); minor != device.attributes.end())
    device.minor = minor->second;
  return {};
}

Result<RegisteredDevice> read_device(const Json& value, std::size_t position) {
  const std::string where = fmt::format("[{}]", position);
  if (!value.is_object()) return detail::bad_text(kWhat, where + " is no object");
  const Members members(value, where);
  RegisteredDevice device;
  MELON_TRY(device.id, members.text("id"));
  MELON_TRY(device.index, members.number("index"));
  MELON_TRY(device.slots, members.number("count"));
  MELON_TRY(const std::int64_t memory, members.number("devmem"));
  device.memory = MiB(memory);
  MELON_TRY(device.compute, members.number("devcore"));
  MELON_TRY(device.type, members.text("type"));
  MELON_TRY(device.numa, members.numa());
  MELON_TRY(device.mode, members.text("mode"));
  MELON_TRY(device.healthy, members.flag("health"));
  MELON_TRY(device.vendor, members.text("devicevendor"));
  if (device.id.empty()) return members.wrong("id", "empty");
  MELON_RETURN_IF_ERROR(read_attributes(members, device));
  MELON_RETURN_IF_ERROR(read_partitions(members, where, device));
  return device;
}

Result<RegisteredDevice> read_metax_device(const Json& value, std::size_t position) {
  const std::string where = fmt::format("[{}]", position);
  if (!value.is_object()) return detail::bad_text(kWhat, where + " is no object");
  const Members members(value, where);
  RegisteredDevice device{.index = static_cast<std::int64_t>(position)};
  MELON_TRY(device.id, members.text("uuid"));
  MELON_TRY(device.slots, members.number("totalDevCount"));
  MELON_TRY(device.compute, members.number("totalCompute"));
  MELON_TRY(const std::int64_t memory, members.number("totalVRam"));
  device.memory = MiB(memory);
  MELON_TRY(device.mode, members.text("model"));
  MELON_TRY(device.numa, members.numa());
  MELON_TRY(device.healthy, members.flag("healthy"));
  MELON_TRY(device.qos, members.text("qosPolicy"));
  device.type = "Metax-SGPU";
  for (const char* const name : {"bdf", "linkZone"})
    if (const Json* const found = members.find(name)) device.attributes[name] = scalar_text(*found);
  if (device.id.empty()) return members.wrong("uuid", "empty");
  return device;
}

template <class Read>
Result<std::vector<RegisteredDevice>> read_list(std::string_view text, Read read) {
  MELON_TRY(const Json json, parse(text));
  std::vector<RegisteredDevice> devices;
  if (json.is_null()) return devices;
  if (!json.is_array()) return detail::bad_text(kWhat, "no list");
  for (const Json& one : json) {
    MELON_TRY(RegisteredDevice device, read(one, devices.size()));
    devices.push_back(std::move(device));
  }
  return devices;
}

/// "3g.24gb": three slices, 24 GiB.
Result<vendors::PartitionProfile> profile_of(const std::string& name) {
  const auto g = name.find("g.");
  const auto end = name.find("gb");
  if (g == std::string::npos || end == std::string::npos || end < g + 2)
    return detail::bad_text(kWhat, fmt::format("profile '{}' is not like 1g.8gb", name));
  MELON_TRY(const std::int64_t size, detail::read_number(kWhat, name, name.substr(0, g)));
  MELON_TRY(const std::int64_t gib,
            detail::read_number(kWhat, name, name.substr(g + 2, end - g - 2)));
  return vendors::PartitionProfile{
      .name = name, .memory = MiB(gib * 1024), .compute_units = size, .slices = size, .size = size};
}

/// The profiles of one device of this many places, smallest first.
vendors::PartitionTable table_of(std::vector<vendors::PartitionProfile> profiles,
                                 std::int64_t places) {
  std::int64_t largest = 1;
  for (const auto& profile : profiles) largest = std::max(largest, profile.slices);
  for (auto& profile : profiles)
    for (std::int64_t start = 0; start + profile.size <= places && start < 64; ++start)
      profile.starts.push_back(start);
  return {.compute_units = largest, .profiles = std::move(profiles)};
}

Result<std::vector<vendors::PartitionProfile>> enflame_profiles(const Json& json) {
  std::vector<vendors::PartitionProfile> profiles;
  const auto found = json.find("profiles");
  if (found == json.end() || !found->is_object())
    return detail::bad_text(kWhat, "field profiles is no object");
  for (const auto& [name, id] : found->items()) {
    MELON_TRY(auto profile, profile_of(name));
    profiles.push_back(std::move(profile));
  }
  std::ranges::stable_sort(profiles, {}, &vendors::PartitionProfile::memory);
  return profiles;
}

}  // namespace

namespace detail {

Result<std::vector<RegisteredDevice>> decode_json(std::string_view text) {
  return read_list(text, read_device);
}

Result<std::vector<RegisteredDevice>> decode_metax(std::string_view text) {
  return read_list(text, read_metax_device);
}

Result<std::vector<RegisteredDevice>> decode_enflame(std::string_view text) {
  MELON_TRY(const Json json, parse(text));
  if (!json.is_object()) return bad_text(kWhat, "no object");
  MELON_TRY(const auto profiles, enflame_profiles(json));
  const auto listed = json.find("devices");
  if (listed == json.end() || !listed->is_array())
    return bad_text(kWhat, "field devices is no list");
  std::vector<RegisteredDevice> devices;
  for (const Json& one : *listed) {
    const std::string where = fmt::format("devices[{}]", devices.size());
    if (!one.is_object()) return bad_text(kWhat, where + " is no object");
    const Members members(one, where);
    RegisteredDevice device{.compute = 100, .type = "Enflame", .healthy = true};
    MELON_TRY(device.index, members.number("index"));
    MELON_TRY(device.slots, members.number("capacity"));
    MELON_TRY(const std::int64_t minor, members.number("minor"));
    device.minor = std::to_string(minor);
    device.id = std::to_string(device.index);
    if (!profiles.empty()) device.memory = profiles.back().memory;
    device.partitions = table_of(profiles, device.slots);
    for (const auto& [name, id] : json["profiles"].items())
      device.attributes["profile." + name] = scalar_text(id);
    devices.push_back(std::move(device));
  }
  return devices;
}

std::string encode_json(const std::vector<RegisteredDevice>& devices) {
  Json list = Json::array();
  for (const RegisteredDevice& device : devices) {
    Json one = {{"id", device.id}};
    const auto put = [&one](const char* name, const auto& value) {
      if (value != std::decay_t<decltype(value)>{}) one[name] = value;
    };
    put("index", device.index);
    put("count", device.slots);
    put("devmem", device.memory.count());
    put("devcore", device.compute);
    put("type", device.type);
    put("numa", device.numa);
    put("mode", device.mode);
    put("health", device.healthy);
    put("devicevendor", device.vendor);
    for (const auto& entry : device.attributes) one["custominfo"][entry.first] = entry.second;
    for (const auto& profile : device.partitions.profiles) {
      Json placements = Json::array();
      for (const std::int64_t start : profile.starts)
        placements.push_back({{"start", start}, {"size", profile.size}});
      one["migProfiles"].push_back({{"name", profile.name},
                                    {"memoryMB", profile.memory.count()},
                                    {"core", profile.compute_units},
                                    {"sliceCount", profile.slices},
                                    {"instanceCount", profile.most},
                                    {"placements", std::move(placements)}});
    }
    list.push_back(std::move(one));
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace detail

Result<std::map<std::pair<std::string, std::string>, std::int64_t>> decode_link_scores(
    std::string_view text) {
  MELON_TRY(const Json json, parse(text));
  std::map<std::pair<std::string, std::string>, std::int64_t> scores;
  if (!json.is_array()) return detail::bad_text(kWhat, "link scores are no list");
  for (const Json& one : json) {
    if (!one.is_object()) return detail::bad_text(kWhat, "a link score is no object");
    const Members members(one, fmt::format("[{}]", scores.size()));
    MELON_TRY(const std::string from, members.text("uuid"));
    const Json* const to = members.find("score");
    if (to == nullptr || !to->is_object()) return members.wrong("score", "no object");
    for (const auto& [uuid, score] : to->items()) {
      if (!score.is_number_integer()) return members.wrong("score", "no whole number");
      MELON_TRY(scores[std::pair(from, uuid)],
                detail::read_number(kWhat, "score." + uuid, score.dump()));
    }
  }
  return scores;
}

Result<std::map<std::int64_t, double>> decode_score_table(std::string_view text) {
  MELON_TRY(const Json json, parse(text));
  std::map<std::int64_t, double> table;
  if (!json.is_object()) return detail::bad_text(kWhat, "a score table is no object");
  for (const auto& [name, score] : json.items()) {
    MELON_TRY(const std::int64_t count, detail::read_number(kWhat, name, name));
    if (!score.is_number()) return detail::bad_text(kWhat, fmt::format("{} is no number", name));
    table[count] = score.get<double>();
  }
  return table;
}

}  // namespace melon::annotations
