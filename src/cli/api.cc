// SPDX-License-Identifier: Apache-2.0
// Calls the daemon and reads its answers.
#include "cli/api.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/quantity_text.h"
#include "net/client.h"
#include "net/error_body.h"
#include "net/target.h"

namespace melon::cli {
namespace {

Json parse_body(const std::string& body) { return Json::parse(body, nullptr, false); }

std::string what_fits(const Json& refusal) {
  const auto memory = number_of(refusal, "memory_that_fits_mib").value_or(0);
  const auto compute = number_of(refusal, "compute_that_fits_permille").value_or(0);
  const std::string of_compute = fmt::format("--compute {}", to_text(Permille(compute)));
  std::string text;
  if (flag_of(refusal, "fits_only_together"))
    text = fmt::format("\n  would fit: --memory {}MiB {}", memory, of_compute);
  else if (memory > 0)
    text = fmt::format("\n  would fit: --memory {}MiB ({})", memory, to_text(MiB(memory)));
  if (compute > 0 && !flag_of(refusal, "fits_only_together"))
    text += "\n  would fit: " + of_compute;
  if (refusal.contains("can_ever_fit") && !flag_of(refusal, "can_ever_fit"))
    text += "\n  it would not fit with every workload gone either";
  return text;
}

}  // namespace

std::string refusal_text(const Json& refusal) {
  std::string text;
  for (const Json& rejection : list_of(refusal, "rejections")) {
    const std::string device = text_of(rejection, "device");
    text += fmt::format("\n  {} ({}): {}", device.empty() ? "any device" : device,
                        text_of(rejection, "rule"), text_of(rejection, "message"));
  }
  return text + what_fits(refusal);
}

Result<Json> to_json(const net::HttpResponse& response) {
  Json body = parse_body(response.body);
  if (response.status < 400) {
    if (response.body.empty()) return Json();
    if (body.is_discarded())
      return fail(Code::kInternal, "the daemon's answer is not JSON",
                  "compare the versions of both sides: melon version");
    return body;
  }
  Error error = net::to_error(response);
  // A daemon that says "not now" is there; only silence means that none is.
  if (error.code == Code::kUnavailable) error.code = Code::kInternal;
  if (body.is_object() && body.contains("error") && body["error"].is_object() &&
      body["error"].contains("refusal"))
    // In place of the daemon's one line, which says the same of the first devices.
    error.message = "the request does not fit" + refusal_text(body["error"]["refusal"]);
  return tl::unexpected<Error>(std::move(error));
}

Result<Json> get(const Session& session, const std::string& target) {
  const auto answer = net::Client(session.socket).call("GET", target);
  if (!answer) return tl::unexpected<Error>(answer.error());
  return to_json(*answer);
}

Result<Json> send(const Session& session, const std::string& method, const std::string& target,
                  const Json& body) {
  const std::string text =
      body.is_null() ? "" : body.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto answer = net::Client(session.socket).call(method, target, text);
  if (!answer) return tl::unexpected<Error>(answer.error());
  return to_json(*answer);
}

std::string grant_target(const std::string& name, const std::string& rest) {
  return "/v1/grants/" + net::percent_encode(name) + rest;
}

bool daemon_answers(const std::string& socket) {
  const auto answer = net::Client(socket).call("GET", "/v1/health", "", std::chrono::seconds(5));
  return answer && answer->status == 200;
}

std::string text_of(const Json& object, const char* key) {
  const auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

std::optional<std::int64_t> number_of(const Json& object, const char* key) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_number()) return std::nullopt;
  return member->get<std::int64_t>();
}

bool flag_of(const Json& object, const char* key) {
  const auto member = object.find(key);
  return member != object.end() && member->is_boolean() && member->get<bool>();
}

const Json& list_of(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  const auto member = object.find(key);
  return member != object.end() && member->is_array() ? *member : kEmpty;
}

}  // namespace melon::cli
