// SPDX-License-Identifier: Apache-2.0
// `melon sim`: what a policy would make of a trace of tasks.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/sim_report.h"
#include "os/text_file.h"
#include "placement/policy.h"
#include "simulate/arrivals.h"
#include "simulate/plot.h"
#include "simulate/replay.h"
#include "simulate/trace.h"

namespace melon::cli {
namespace {

constexpr int kMostArrivedPercent = 130;

struct Flags {
  std::string nodes;
  std::string pods;
  std::optional<std::string> arrivals;
  std::vector<std::string> policies = {};
  std::vector<std::string> seeds = {};
  std::optional<std::string> decisions;
  std::optional<std::string> split;
  std::optional<std::string> plot;
};

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const placement::Policy& policy : placement::policies()) names.emplace_back(policy.name);
  return names;
}

Result<std::vector<std::uint64_t>> parse_seeds(const std::vector<std::string>& texts) {
  std::vector<std::uint64_t> seeds;
  for (const std::string& text : texts) {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (error != std::errc() || end != text.data() + text.size())
      return fail(Code::kInvalidArgument, fmt::format("--seed '{}' is not a whole number", text),
                  "write a number from 0 on");
    seeds.push_back(seed);
  }
  return seeds;
}

/// "4,100": at most 4 pieces, each of at least 100 thousandths of a device.
Result<std::optional<placement::SplitRule>> parse_split(const std::optional<std::string>& text) {
  if (!text) return std::optional<placement::SplitRule>();
  placement::SplitRule rule;
  const char* const end = text->data() + text->size();
  const auto pieces = std::from_chars(text->data(), end, rule.most_pieces);
  const bool has_comma = pieces.ec == std::errc() && pieces.ptr != end && *pieces.ptr == ',';
  const auto least = has_comma ? std::from_chars(pieces.ptr + 1, end, rule.least_permille)
                               : std::from_chars_result{end, std::errc::invalid_argument};
  if (least.ec != std::errc() || least.ptr != end || rule.most_pieces < 1 ||
      rule.most_pieces > 64 || rule.least_permille < 1 || rule.least_permille > 1000)
    return fail(Code::kInvalidArgument, fmt::format("--split '{}' is not K,MIN", *text),
                "write the most pieces (1 to 64) and the smallest in thousandths of a device (1 to "
                "1000), as in 4,100");
  return std::optional(rule);
}

Result<simulate::Trace> read_trace(const Flags& flags) {
  simulate::Trace trace;
  MELON_TRY(const std::string nodes, os::read_text_file(flags.nodes));
  MELON_TRY(trace.nodes, simulate::read_nodes({flags.nodes, nodes}));
  MELON_TRY(const std::string pods, os::read_text_file(flags.pods));
  MELON_TRY(trace.pods, simulate::read_pods({flags.pods, pods}));
  return trace;
}

/// What arrives, for each seed that was asked for; all stored ones when none was.
Result<std::map<std::uint64_t, simulate::Arrivals>> choose_arrivals(const Flags& flags,
                                                                    const simulate::Trace& trace) {
  MELON_TRY(const std::vector<std::uint64_t> seeds, parse_seeds(flags.seeds));
  std::map<std::uint64_t, simulate::Arrivals> chosen;
  if (!flags.arrivals) {
    for (const std::uint64_t seed : seeds.empty() ? std::vector<std::uint64_t>{42} : seeds)
      chosen[seed] = simulate::make_arrivals(trace, seed, kMostArrivedPercent);
    return chosen;
  }
  MELON_TRY(const std::string text, os::read_text_file(*flags.arrivals));
  MELON_TRY(auto stored, simulate::read_arrivals({*flags.arrivals, text}, trace));
  if (seeds.empty()) return stored;
  for (const std::uint64_t seed : seeds) {
    if (chosen.contains(seed)) continue;
    const auto found = stored.find(seed);
    if (found == stored.end())
      return fail(Code::kNotFound, fmt::format("'{}' has no seed {}", *flags.arrivals, seed),
                  "ask for a seed that the file has, or leave --arrivals out");
    chosen.insert(stored.extract(found));
  }
  return chosen;
}

std::string decision_line(const simulate::Trace& trace, const simulate::TraceDecision& decision) {
  const std::string node = decision.node ? trace.nodes[*decision.node].name : "";
  return fmt::format("{},{},{}\n", trace.pods[decision.pod].name, node,
                     fmt::join(decision.cards, "-"));
}

/// Runs every policy with every seed.
class Simulation {
 public:
  Simulation(Session& session, const Flags& flags, const simulate::Trace& trace,
             std::optional<placement::SplitRule> split)
      : session_(session), flags_(flags), trace_(trace), split_(split) {}

  Result<std::vector<SimulatedPolicy>> run(
      const std::map<std::uint64_t, simulate::Arrivals>& arrivals) {
    runs_ = flags_.policies.size() * arrivals.size();
    std::vector<SimulatedPolicy> results;
    for (const std::string& name : flags_.policies) {
      SimulatedPolicy result{.name = name};
      MELON_TRY(const placement::NamedPolicy policy, placement::parse_policy(name));
      for (const auto& [seed, order] : arrivals) {
        MELON_TRY(simulate::Curve curve, run_one(policy, seed, order));
        result.seeds.push_back(seed);
        result.curves.push_back(std::move(curve));
      }
      results.push_back(std::move(result));
    }
    if (shows_progress_) *session_.err << "\r\x1b[K" << std::flush;
    if (flags_.decisions) MELON_RETURN_IF_ERROR(os::write_text_file(*flags_.decisions, lines_));
    return results;
  }

 private:
  Result<simulate::Curve> run_one(const placement::NamedPolicy& policy, std::uint64_t seed,
                                  const simulate::Arrivals& order) {
    simulate::ReplayOptions options{.policy = &policy.policy, .seed = seed, .split = split_};
    std::size_t arrived = 0;
    options.on_decision = [&](const simulate::TraceDecision& decision) {
      if (flags_.decisions) lines_ += decision_line(trace_, decision);
      if (++arrived % 512 == 0) show_progress(policy.name, seed, arrived, order.pods.size());
    };
    auto curve = simulate::replay(trace_, order, options);
    ++done_;
    return curve;
  }

  void show_progress(const std::string& name, std::uint64_t seed, std::size_t arrived,
                     std::size_t all) const {
    if (!shows_progress_) return;
    constexpr std::size_t kWidth = 30;
    const std::size_t filled = kWidth * (done_ * all + arrived) / (runs_ * all);
    *session_.err << fmt::format("\r{} seed {} [{}{}] {}/{}\x1b[K", name, seed,
                                 std::string(filled, '#'), std::string(kWidth - filled, '.'),
                                 done_ + 1, runs_)
                  << std::flush;
  }

  Session& session_;
  const Flags& flags_;
  const simulate::Trace& trace_;
  const std::optional<placement::SplitRule> split_;
  const bool shows_progress_ = isatty(STDERR_FILENO) == 1;
  std::size_t runs_ = 0;
  std::size_t done_ = 0;
  std::string lines_ = "pod,node,cards\n";
};

void show(const Session& session, const std::vector<SimulatedPolicy>& results) {
  if (session.format == OutputFormat::kCsv) {
    *session.out << simulation_csv(results);
    return;
  }
  session.print(simulation_table(results, session.format == OutputFormat::kWide),
                simulation_json(results));
  if (!session.structured()) *session.out << '\n' << simulation_summary(results);
}

Result<> draw(const std::string& path, const std::vector<SimulatedPolicy>& results) {
  std::vector<simulate::NamedCurve> curves;
  for (const SimulatedPolicy& result : results)
    curves.push_back({result.name, simulate::mean_of(result.curves)});
  return os::write_text_file(
      path, path.ends_with(".html") ? simulate::to_html(curves) : simulate::to_svg(curves));
}

Result<> check_policies(const std::vector<std::string>& names) {
  for (auto name = names.begin(); name != names.end(); ++name)
    if (std::find(names.begin(), name, *name) != name)
      return fail(Code::kInvalidArgument, fmt::format("--policy '{}' is given twice", *name),
                  "name each policy once");
  return {};
}

Result<> check_plot(const std::optional<std::string>& path) {
  if (!path || path->ends_with(".svg") || path->ends_with(".html")) return {};
  return fail(Code::kInvalidArgument, fmt::format("--plot '{}' is neither .svg nor .html", *path),
              "let the file's name end in one of them");
}

Result<int> simulate_trace(Session& session, const Flags& flags) {
  MELON_RETURN_IF_ERROR(check_plot(flags.plot));
  MELON_RETURN_IF_ERROR(check_policies(flags.policies));
  MELON_TRY(const auto split, parse_split(flags.split));
  MELON_TRY(const simulate::Trace trace, read_trace(flags));
  MELON_TRY(const auto arrivals, choose_arrivals(flags, trace));
  if (flags.decisions && flags.policies.size() * arrivals.size() != 1)
    return fail(Code::kInvalidArgument, "--decisions is of one run, and several are asked for",
                "name one --policy and one --seed");
  MELON_TRY(const auto results, Simulation(session, flags, trace, split).run(arrivals));
  if (flags.plot) MELON_RETURN_IF_ERROR(draw(*flags.plot, results));
  show(session, results);
  return kOk;
}

std::vector<Parameter> parameters(Flags& flags) {
  return {
      {.names = "--nodes",
       .target = &flags.nodes,
       .value = "FILE",
       .text = "The cluster: sn,cpu_milli,memory_mib,gpu,model",
       .required = true},
      {.names = "--pods",
       .target = &flags.pods,
       .value = "FILE",
       .text = "The tasks: name,cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec]",
       .required = true},
      {.names = "--arrivals",
       .target = &flags.arrivals,
       .value = "FILE",
       .text = "Stored orders of arrival, by seed (default: drawn by the seed)"},
      {.names = "--policy",
       .target = &flags.policies,
       .value = "POLICY",
       .text = "How nodes and devices are chosen; repeat it to compare",
       .required = true,
       .offered = policy_names()},
      {.names = "--seed",
       .target = &flags.seeds,
       .value = "SEED",
       .text = "Repeat it for a mean (default: all stored ones, or 42)"},
      {.names = "--split",
       .target = &flags.split,
       .value = "K,MIN",
       .text =
           "Cut what fits nowhere into at most K pieces on one node, each MIN permille or more"},
      {.names = "--plot",
       .target = &flags.plot,
       .value = "FILE",
       .text = "Draw the means as .svg or .html"},
      {.names = "--decisions",
       .target = &flags.decisions,
       .value = "FILE",
       .text = "Write pod,node,cards of every decision of a single run"}};
}

}  // namespace

Command sim_command() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "sim",
      .summary = "Replay a trace of tasks against a simulated cluster",
      .description =
          "Tasks arrive one by one at the empty simulated cluster and never leave; one that fits\n"
          "nowhere is dropped. Shown are means over seeds, by how much has arrived: all in "
          "percent\n"
          "of the cluster's devices, or of what is idle. Files may be gzip. No daemon is needed.",
      .parameters = parameters(*flags),
      .examples = {{"melon sim --nodes nodes.csv --pods pods.csv --policy fgd --seed 42",
                    "One run with the published algorithm"},
                   {"melon sim --nodes nodes.csv --pods pods.csv.gz --arrivals arrivals.txt "
                    "--policy fgd --policy binpack -o csv",
                    "Two policies, every stored seed, as CSV"}},
      .run = [flags](Session& session) { return simulate_trace(session, *flags); }};
}

}  // namespace melon::cli
