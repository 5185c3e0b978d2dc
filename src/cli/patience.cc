// SPDX-License-Identifier: Apache-2.0
// Waits for a daemon that went away.
#include "cli/patience.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"

namespace melon::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::minutes kLongestAbsence{5};

}  // namespace

Result<> Patience::bear(const Error& error) {
  if (error.code != Code::kUnavailable) return tl::unexpected<Error>(error);
  if (!away_since_) {
    away_since_ = steady_clock::now();
    if (!silent_) *session_.err << "melon: " << kAway << std::endl;
  }
  if (steady_clock::now() - *away_since_ >= kLongestAbsence) return tl::unexpected<Error>(error);
  return {};
}

Result<std::optional<Json>> PatientReader::read() {
  auto answer = get(session_, target_);
  if (answer) {
    patience_.is_back();
    return std::optional(std::move(*answer));
  }
  MELON_RETURN_IF_ERROR(patience_.bear(answer.error()));
  return std::optional<Json>();
}

}  // namespace melon::cli
