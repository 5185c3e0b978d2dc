// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace melon::net {

/// One kind of error as the API speaks of it.
struct ErrorCode {
  Code code;
  std::string_view name;  // in the body: "not_found"
  int status;             // of the answer: 404
  std::string_view meaning;
};

/// Every kind of error that the API answers with; the reference page is made of it.
std::span<const ErrorCode> error_codes();

/// The entry of a code. Codes that the API does not know are internal errors.
const ErrorCode& error_code_of(Code code);

/// {"error": {code, message, remedy}} with the entry's status.
HttpResponse error_response(const ErrorCode& entry, const Error& error);
/// The same with the entry that belongs to the error's code.
HttpResponse error_response(const Error& error);
/// The same with a status of HTTP's own that no Code has: 405, 408, 413 or 431.
HttpResponse error_response(int status, const Error& error);

/// The other way: what an answer with a status of 400 or more says. Tolerates any body.
Error to_error(const HttpResponse& response);

}  // namespace melon::net
