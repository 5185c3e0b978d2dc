// SPDX-License-Identifier: Apache-2.0
// Reads the daemon's configuration by the table of keys.
#include "config/daemon_config.h"

#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "config/detail/files.h"
#include "config/document.h"
#include "config/keys.h"

namespace melon::config {
namespace {

constexpr std::string_view kLimits = "limits";
constexpr std::string_view kUsers = "users";

template <class Target>
std::string accepted_names(std::span<const Key<Target>> keys) {
  std::string names;
  for (const Key<Target>& key : keys)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", key.name);
  return names;
}

/// Applies one key of the table. Errors carry the place.
template <class Target>
Result<> apply(std::span<const Key<Target>> keys, const std::string& file, const Document& value,
               Target& target) {
  const auto key = std::ranges::find(keys, value.key, &Key<Target>::name);
  if (key == keys.end())
    return fail_at(file, value.line, fmt::format("'{}' is no key", value.key),
                   fmt::format("known keys are {}{}", accepted_names(keys),
                               std::is_same_v<Target, DaemonConfig> ? ", limits, users" : ""));
  if (value.kind == Document::Kind::kNull)
    return fail_at(file, value.line, fmt::format("'{}' has no value", value.key),
                   "write a value, or leave the key out");
  if (const auto read = key->read(target, value); !read)
    return fail_at(file, value.line, fmt::format("{}: {}", value.key, read.error().message),
                   read.error().remedy);
  return {};
}

Result<> expect_mapping(const std::string& file, const Document& value, std::string_view what) {
  if (value.kind == Document::Kind::kMapping || value.kind == Document::Kind::kNull) return {};
  return fail_at(file, value.line, fmt::format("{} is no mapping", what), "write KEY: VALUE lines");
}

Result<> read_limits(const std::string& file, const Document& document, UserLimits& limits) {
  MELON_RETURN_IF_ERROR(expect_mapping(file, document, fmt::format("'{}'", document.key)));
  for (const Document& value : document.items)
    MELON_RETURN_IF_ERROR(apply(limit_keys(), file, value, limits));
  return {};
}

std::optional<std::uint32_t> as_number(std::string_view name) {
  std::uint32_t uid = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, status] = std::from_chars(name.data(), end, uid);
  return status == std::errc{} && stop == end ? std::optional(uid) : std::nullopt;
}

Result<> read_users(const std::string& file, const Document& document, const FindUser& find_user,
                    DaemonConfig& config) {
  MELON_RETURN_IF_ERROR(expect_mapping(file, document, "'users'"));
  for (const Document& user : document.items) {
    auto uid = as_number(user.key);
    if (!uid) uid = find_user(user.key);
    if (!uid)
      return fail_at(file, user.line, fmt::format("there is no user '{}'", user.key),
                     "write a name that `id NAME` knows, or a user number");
    const auto [entry, is_new] = config.users.try_emplace(*uid);
    if (!is_new)
      return fail_at(file, user.line, fmt::format("user '{}' ({}) is given twice", user.key, *uid),
                     "keep one of the name and the number");
    MELON_RETURN_IF_ERROR(read_limits(file, user, entry->second));
  }
  return {};
}

std::optional<std::uint32_t> find_machine_user(const std::string& name) {
  std::vector<char> buffer(1U << 16);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr)
    return std::nullopt;
  return entry.pw_uid;
}

template <class T>
void take(std::optional<T>& mine, const std::optional<T>& own) {
  if (own) mine = own;
}

}  // namespace

UserLimits DaemonConfig::limits_of(std::uint32_t uid) const {
  if (uid == 0) return {};
  UserLimits result = limits;
  const auto found = users.find(uid);
  if (found == users.end()) return result;
  const UserLimits& own = found->second;
  take(result.memory, own.memory);
  take(result.compute, own.compute);
  take(result.grants, own.grants);
  take(result.priority, own.priority);
  take(result.weight, own.weight);
  take(result.age, own.age);
  take(result.idle, own.idle);
  return result;
}

Result<DaemonConfig> parse_daemon_config(const std::string& file, std::string_view text,
                                         const FindUser& find_user) {
  MELON_TRY(const Document document, parse_yaml(file, text));
  MELON_RETURN_IF_ERROR(expect_mapping(file, document, "the configuration"));
  DaemonConfig config;
  for (const Document& value : document.items) {
    if (value.key == kLimits)
      MELON_RETURN_IF_ERROR(read_limits(file, value, config.limits));
    else if (value.key == kUsers)
      MELON_RETURN_IF_ERROR(read_users(file, value, find_user, config));
    else
      MELON_RETURN_IF_ERROR(apply(daemon_keys(), file, value, config));
  }
  return config;
}

Result<DaemonConfig> load_daemon_config(const std::string& file) {
  MELON_TRY(const std::string text, detail::read_file(file));
  return parse_daemon_config(file, text, find_machine_user);
}

}  // namespace melon::config
