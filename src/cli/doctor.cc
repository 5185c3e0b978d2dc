// SPDX-License-Identifier: Apache-2.0
// `melon doctor`: what there is, what is wrong or missing, what it means and how to mend it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

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
Json all_findings(const Session& session, const Surroundings& here) {
  Json findings = Json::array();
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

using Line = std::pair<std::string, std::string>;  // what, and what it is here

void add_daemon(const Session& session, std::vector<Line>& lines) {
  const auto version = get(session, "/v1/version");
  if (!version) return;
  lines.emplace_back(
      "daemon", fmt::format("{}, process {} of {}", text_of(*version, "version"),
                            number_of(*version, "pid").value_or(0), text_of(*version, "user")));
  lines.emplace_back("state", text_of(*version, "state_folder"));
  lines.emplace_back("library", text_of(*version, "preload_library"));
  const auto devices = get(session, "/v1/devices");
  if (!devices || !devices->is_array()) return;
  for (const Json& device : *devices)
    lines.emplace_back("device", fmt::format("{}: {}, {}, enforcement {}", text_of(device, "id"),
                                             text_of(device, "type"), text_of(device, "health"),
                                             text_of(device, "enforcement")));
}

/// What there is to work with, whether or not something is wrong with it.
std::vector<Line> found(const Session& session, const Surroundings& here) {
  const bool answers = here.socket_state == SocketState::kAnswers;
  std::vector<Line> lines = {
      {"socket", fmt::format("{}: {}", here.socket, answers ? "a daemon answers" : "no answer")}};
  if (answers) add_daemon(session, lines);
  lines.emplace_back("loader", here.opencl_loader);
  for (const std::string& driver : here.opencl_drivers) lines.emplace_back("driver", driver);
  if (here.opencl_drivers.empty()) lines.emplace_back("driver", "");
  return lines;
}

void show_found(const Session& session, const Surroundings& here) {
  for (const auto& [what, text] : found(session, here))
    *session.out << fmt::format("{:<8} {}\n", what, text.empty() ? "none" : printable(text));
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
  const Surroundings here = look_around(session);
  const Json findings = all_findings(session, here);
  if (session.structured()) {
    session.print({}, findings);
  } else {
    show_found(session, here);
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
          .description =
              "First what was found: socket, daemon, state, library, devices, OpenCL's loader and\n"
              "drivers; then each finding. -o json and yaml hold the findings alone. Exit code 1\n"
              "when a finding is an error.",
          .examples = {{"melon doctor", "Every finding with its meaning and its remedy"}},
          .run = doctor};
}

}  // namespace melon::cli
