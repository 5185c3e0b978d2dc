// SPDX-License-Identifier: Apache-2.0
// Errors as JSON bodies, and back.
#include "net/error_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace melon::net {
namespace {

using Json = nlohmann::json;

// The first of a Code is what it is told as; the others are HTTP's own.
constexpr std::array kErrorCodes = {
    ErrorCode{Code::kInternal, "internal", 500, "A defect of the daemon; its log says more."},
    ErrorCode{Code::kInvalidArgument, "invalid_argument", 400, "The request itself is wrong."},
    ErrorCode{Code::kPermissionDenied, "permission_denied", 403, "Not the caller's to do."},
    ErrorCode{Code::kNotFound, "not_found", 404, "No such thing."},
    ErrorCode{Code::kAlreadyExists, "already_exists", 409, "The name is taken."},
    ErrorCode{Code::kResourceExhausted, "does_not_fit", 409, "No device has room; see refusal."},
    ErrorCode{Code::kFailedPrecondition, "failed_precondition", 409,
              "Not in this state, or beyond what the caller may hold."},
    ErrorCode{Code::kUnavailable, "unavailable", 503, "Not now; asking again may help."},
    ErrorCode{Code::kUnimplemented, "unimplemented", 501, "This daemon cannot do that."},
    ErrorCode{Code::kInvalidArgument, "invalid_argument", 405, "Not a method of this path."},
    ErrorCode{Code::kInvalidArgument, "timeout", 408, "The request did not arrive in time."},
    ErrorCode{Code::kInvalidArgument, "too_large", 413, "The body is larger than 1 MiB."},
    ErrorCode{Code::kInvalidArgument, "too_large", 431, "The header is larger than allowed."},
};

std::string text_member(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

Code code_of(std::string_view name, int status) {
  const auto by_name = std::ranges::find(kErrorCodes, name, &ErrorCode::name);
  if (by_name != kErrorCodes.end()) return by_name->code;
  const auto by_status = std::ranges::find(kErrorCodes, status, &ErrorCode::status);
  if (by_status != kErrorCodes.end()) return by_status->code;
  return status < 500 ? Code::kInvalidArgument : Code::kInternal;
}

}  // namespace

std::span<const ErrorCode> error_codes() { return kErrorCodes; }

const ErrorCode& error_code_of(Code code) {
  const auto* const entry = std::ranges::find(kErrorCodes, code, &ErrorCode::code);
  return entry == kErrorCodes.end() ? kErrorCodes.front() : *entry;
}

HttpResponse error_response(int status, const Error& error) {
  const auto row = std::ranges::find(kErrorCodes, status, &ErrorCode::status);
  return error_response(row == kErrorCodes.end() ? error_code_of(error.code) : *row, error);
}

HttpResponse error_response(const ErrorCode& entry, const Error& error) {
  const Json body = {
      {"error", {{"code", entry.name}, {"message", error.message}, {"remedy", error.remedy}}}};
  HttpResponse response;
  response.status = entry.status;
  // Messages quote what clients sent, which need not be UTF-8.
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

HttpResponse error_response(const Error& error) {
  return error_response(error_code_of(error.code), error);
}

Error to_error(const HttpResponse& response) {
  const Json body = Json::parse(response.body, nullptr, false);
  const Json* const error = body.is_object() && body.contains("error") && body["error"].is_object()
                                ? &body["error"]
                                : nullptr;
  if (error == nullptr)
    return {code_of("", response.status), fmt::format("the daemon answered {}", response.status),
            ""};
  return {code_of(text_member(*error, "code"), response.status), text_member(*error, "message"),
          text_member(*error, "remedy")};
}

}  // namespace melon::net
