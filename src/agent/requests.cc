// SPDX-License-Identifier: Apache-2.0
// Reads request bodies strictly: unknown fields, wrong types and wrong ranges are named.
#include "agent/requests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/names.h"

namespace melon::agent {
namespace {

using Json = nlohmann::json;

constexpr int kSmallestPid = 2;         // the first process is the machine, nobody's workload
constexpr int kLargestPid = 4'194'304;  // the kernel's own bound
constexpr std::size_t kMostArguments = 4096;

/// A JSON object that is read field by field. The first error stays; finish() gives it, or the
/// unknown fields.
class Fields {
 public:
  explicit Fields(std::string_view body) {
    json_ = Json::parse(body, nullptr, false);
    if (json_.is_discarded())
      refuse("the body is not JSON", "send one JSON object in UTF-8");
    else if (!json_.is_object())
      refuse("the body is not a JSON object", "send one JSON object, such as {}");
  }

  bool has(const char* name) {
    known_.emplace_back(name);
    return !error_ && json_.contains(name);
  }

  void text(const char* name, std::string& out, std::size_t longest = 255) {
    if (!has(name)) return;
    const Json& value = json_[name];
    if (!value.is_string() || value.get_ref<const std::string&>().size() > longest)
      return wrong(name, fmt::format("a text of at most {} bytes", longest));
    out = value.get<std::string>();
  }

  void number(const char* name, int& out, int smallest, int largest) {
    if (!has(name)) return;
    const Json& value = json_[name];
    const std::string rule = fmt::format("a whole number from {} to {}", smallest, largest);
    if (value.is_number_unsigned()) {
      const auto count = value.get<std::uint64_t>();
      if (count > static_cast<std::uint64_t>(largest)) return wrong(name, rule);
    } else if (!value.is_number_integer()) {
      return wrong(name, rule);
    }
    const auto count = value.get<std::int64_t>();
    if (count < smallest || count > largest) return wrong(name, rule);
    out = static_cast<int>(count);
  }

  void flag(const char* name, bool& out) {
    if (!has(name)) return;
    if (!json_[name].is_boolean()) return wrong(name, "true or false");
    out = json_[name].get<bool>();
  }

  void texts(const char* name, std::vector<std::string>& out) {
    if (!has(name)) return;
    const Json& value = json_[name];
    const bool fits = value.is_array() && value.size() <= kMostArguments &&
                      std::ranges::all_of(value, [](const Json& item) { return item.is_string(); });
    if (!fits) return wrong(name, fmt::format("a list of at most {} texts", kMostArguments));
    out = value.get<std::vector<std::string>>();
  }

  /// A text that `parse` understands.
  template <class Value, class Parse>
  void parsed(const char* name, std::optional<Value>& out, Parse parse) {
    std::string text_value;
    if (!has(name)) return;
    text(name, text_value, 64);
    if (error_) return;
    auto result = parse(text_value);
    if (result)
      out = *result;
    else
      error_ = Error{result.error().code, fmt::format("{}: {}", name, result.error().message),
                     result.error().remedy};
  }

  std::size_t size() const { return json_.is_object() ? json_.size() : 0; }

  Result<> finish() {
    if (error_) return tl::unexpected<Error>(*error_);
    for (const auto& [name, value] : json_.items())
      if (std::ranges::find(known_, name) == known_.end())
        return fail(Code::kInvalidArgument, fmt::format("unknown field '{}'", name),
                    fmt::format("known fields: {}", fmt::join(known_, ", ")));
    return {};
  }

 private:
  void refuse(std::string message, std::string remedy) {
    error_ = Error{Code::kInvalidArgument, std::move(message), std::move(remedy)};
  }
  void wrong(const char* name, const std::string& rule) {
    std::string found = json_[name].dump(-1, ' ', false, Json::error_handler_t::replace);
    constexpr std::size_t kShown = 80;
    if (found.size() > kShown) found = found.substr(0, kShown) + "...";
    refuse(fmt::format("{}: {} is not {}", name, found, rule),
           fmt::format("give {} as {}", name, rule));
  }

  Json json_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

/// The fields that a request and a change share.
struct ShareFields {
  std::optional<MemoryAmount> memory;
  std::optional<Permille> compute;
  std::optional<core::ShareMode> share;
  std::optional<int> weight;
  std::optional<Permille> max_compute;
  std::optional<core::Priority> priority;
};

ShareFields read_share(Fields& fields) {
  ShareFields out;
  fields.parsed("memory", out.memory, [](const std::string& text) { return parse_memory(text); });
  fields.parsed("compute", out.compute,
                [](const std::string& text) { return parse_compute(text); });
  fields.parsed("share", out.share,
                [](const std::string& text) { return core::parse_share_mode(text); });
  if (fields.has("weight")) {
    int weight = core::kSmallestWeight;
    fields.number("weight", weight, core::kSmallestWeight, core::kLargestWeight);
    out.weight = weight;
  }
  fields.parsed("max", out.max_compute,
                [](const std::string& text) { return parse_compute(text); });
  fields.parsed("priority", out.priority,
                [](const std::string& text) { return core::parse_priority(text); });
  return out;
}

std::string_view or_empty_object(std::string_view body) { return body.empty() ? "{}" : body; }

}  // namespace

Result<GrantRequestBody> parse_grant_request(std::string_view body) {
  Fields fields(body);
  GrantRequestBody out;
  NewGrant& wanted = out.wanted;
  core::Request& request = wanted.request;
  const ShareFields share = read_share(fields);
  request.memory = share.memory;
  request.compute = share.compute;
  request.share = share.share;
  request.weight = share.weight.value_or(request.weight);
  wanted.weight_given = share.weight.has_value();
  request.max_compute = share.max_compute;
  request.priority = share.priority.value_or(request.priority);
  wanted.priority_given = share.priority.has_value();
  const bool named = fields.has("name");
  fields.text("name", wanted.name);
  fields.number("count", request.count, 1, core::kMostDevices);
  fields.text("device", request.device);
  fields.text("type", request.type);
  fields.flag("unenforced", request.unenforced);
  fields.flag("wait", wanted.wait);
  fields.number("wait_seconds", wanted.wait_seconds, 1, kLongestSeconds);
  fields.number("waiter_pid", out.waiter_pid, kSmallestPid, kLargestPid);
  fields.flag("dry_run", out.dry_run);
  fields.texts("arguments", wanted.arguments);
  fields.number("keep_seconds", wanted.keep_seconds, 1, kLongestSeconds);
  MELON_RETURN_IF_ERROR(fields.finish());
  if (named) MELON_RETURN_IF_ERROR(core::check_name(wanted.name));
  MELON_RETURN_IF_ERROR(core::check_request(request));
  return out;
}

Result<GrantChange> parse_grant_change(std::string_view body) {
  Fields fields(body);
  GrantChange out;
  const ShareFields share = read_share(fields);
  out.memory = share.memory;
  out.compute = share.compute;
  out.share = share.share;
  out.weight = share.weight;
  out.max_compute = share.max_compute;
  out.priority = share.priority;
  if (fields.has("suspended")) {
    bool suspended = false;
    fields.flag("suspended", suspended);
    out.suspended = suspended;
  }
  MELON_RETURN_IF_ERROR(fields.finish());
  if (fields.size() == 0)
    return fail(Code::kInvalidArgument, "the change is empty", "name at least one field to change");
  return out;
}

Result<int> parse_process(std::string_view body) {
  Fields fields(body);
  int pid = 0;
  fields.number("pid", pid, kSmallestPid, kLargestPid);
  MELON_RETURN_IF_ERROR(fields.finish());
  if (pid == 0)
    return fail(Code::kInvalidArgument, "pid: missing",
                "send the pid of the process: {\"pid\": 4711}");
  return pid;
}

Result<ExitBody> parse_exit(std::string_view body) {
  constexpr int kSignalBase = 128;
  Fields fields(body);
  ExitBody exit;
  int signal = 0;
  fields.number("pid", exit.pid, kSmallestPid, kLargestPid);
  fields.number("exit_code", exit.exit_code, 0, 255);
  fields.number("signal", signal, 1, 64);
  MELON_RETURN_IF_ERROR(fields.finish());
  if (exit.pid == 0 || fields.size() != 2)
    return fail(Code::kInvalidArgument, "give pid, and either exit_code or signal",
                "{\"pid\": 1234, \"exit_code\": 0} or {\"pid\": 1234, \"signal\": 9}");
  if (signal != 0) exit.exit_code = kSignalBase + signal;
  return exit;
}

Result<StopBody> parse_stop(std::string_view body) {
  Fields fields(or_empty_object(body));
  StopBody out;
  fields.number("grace_seconds", out.grace_seconds, 0, kLongestGraceSeconds);
  fields.flag("force", out.force);
  MELON_RETURN_IF_ERROR(fields.finish());
  return out;
}

Result<bool> parse_shutdown(std::string_view body) {
  Fields fields(or_empty_object(body));
  bool stop_all = false;
  fields.flag("stop_all", stop_all);
  MELON_RETURN_IF_ERROR(fields.finish());
  return stop_all;
}

Result<bool> parse_switch(const std::map<std::string, std::string>& query,
                          const std::string& name) {
  const auto found = query.find(name);
  if (found == query.end() || found->second == "false") return false;
  if (found->second == "true") return true;
  return fail(Code::kInvalidArgument,
              fmt::format("{}: '{}' is not true or false", name, found->second),
              fmt::format("write ?{}=true", name));
}

}  // namespace melon::agent
