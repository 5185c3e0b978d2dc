// SPDX-License-Identifier: Apache-2.0
// `melon doctor`: what is wrong or missing, what it means and how to mend it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/local_findings.h"

namespace melon::cli {
namespace {

Json to_json(const core::Finding& finding) {
  return {{"code", finding.code},
          {"severity", finding.severity},
          {"message", finding.message},
          {"meaning", finding.meaning},
          {"remedy", finding.remedy}};
}

// The daemon's findings first; what it has found already is not said twice.
Json all_findings(const Session& session) {
  Json findings = Json::array();
  const Surroundings here = look_around(session);
  // One that does not answer is not asked a second time.
  if (here.socket_state == SocketState::kAnswers)
    if (const auto told = get(session, "/v1/findings"); told && told->is_array()) findings = *told;
  for (const core::Finding& finding : local_findings(here)) {
    const bool known = std::ranges::any_of(
        findings, [&](const Json& f) { return text_of(f, "code") == finding.code; });
    if (!known) findings.push_back(to_json(finding));
  }
  return findings;
}

Tone severity_tone(const std::string& severity) {
  if (severity == "error") return Tone::kBad;
  return severity == "warning" ? Tone::kWarn : Tone::kDim;
}

void show(const Session& session, const Json& findings) {
  for (const Json& finding : findings) {
    const std::string severity = text_of(finding, "severity");
    *session.out << paint(severity, severity_tone(severity), session.color)
                 << fmt::format(": {} [{}]\n  means: {}\n  remedy: {}\n",
                                printable(text_of(finding, "message")), text_of(finding, "code"),
                                printable(text_of(finding, "meaning")),
                                printable(text_of(finding, "remedy")));
  }
  if (findings.empty()) *session.out << "nothing is wrong or missing\n";
}

Result<int> doctor(Session& session) {
  const Json findings = all_findings(session);
  if (session.structured()) {
    session.print({}, findings);
  } else {
    show(session, findings);
  }
  const bool severe = std::ranges::any_of(
      findings, [](const Json& finding) { return text_of(finding, "severity") == "error"; });
  return severe ? kFailed : kOk;
}

}  // namespace

Command doctor_command() {
  return {.name = "doctor",
          .summary = "Find what is wrong or missing, and how to mend it",
          .description = "Exit code 1 when a finding is an error.",
          .examples = {{"melon doctor", "Every finding with its meaning and its remedy"}},
          .run = doctor};
}

}  // namespace melon::cli
