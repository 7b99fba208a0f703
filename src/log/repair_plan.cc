#include "log/repair_plan.h"

#include <fmt/format.h>

#include <map>

#include "log/data_directory.h"
#include "log/sealed_file.h"

namespace fulmar {

namespace {

std::string text_of(const RepairPlan& plan) {
    std::string text;
    for (auto& step : plan.steps)
        text += fmt::format("{} {} {}\n", step.replace ? "replace" : "remove", step.directory, step.name);
    if (plan.clean) text += "clean\n";
    return text + "checkpoint\n" + plan.checkpoint;
}
std::optional<RepairPlan> plan_of(std::string_view text) {
    RepairPlan plan;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line == "checkpoint") {
            plan.checkpoint = text;
            return plan;
        }
        if (line == "clean") {
            plan.clean = true;
            continue;
        }
        auto first = line.find(' '), last = line.rfind(' ');
        if (first == line.npos || first == last) return std::nullopt;
        auto what = line.substr(0, first);
        if (what != "replace" && what != "remove") return std::nullopt;
        plan.steps.push_back({what == "replace", std::string(line.substr(first + 1, last - first - 1)),
                              std::string(line.substr(last + 1))});
    }
    return std::nullopt;
}

}  // namespace

Result<> commit_repair(Directory& root, const RepairPlan& plan) {
    return write_sealed(root, repair_plan_name, text_of(plan));
}

Result<> finish_repair(Directory& root) {
    auto text = read_sealed(root, repair_plan_name);
    if (!text && text.error() == Error::missing) return {};
    if (!text) return std::unexpected(text.error());
    auto plan = plan_of(*text);
    if (!plan) return std::unexpected(Error::damaged);
    std::map<std::string, std::shared_ptr<Directory>> directories;
    for (auto& step : plan->steps) {
        auto& directory = directories[step.directory];
        if (!directory) {
            auto opened = root.open_directory(step.directory);
            if (!opened) return std::unexpected(opened.error());
            directory = std::move(*opened);
        }
        auto done =
            step.replace ? directory->rename(step.name + ".tmp", step.name) : directory->remove(step.name);
        if (!done && done.error() != Error::missing) return done;
    }
    for (auto& [name, directory] : directories)
        if (auto synced = directory->sync(); !synced) return synced;
    if (auto written = write_sealed(root, "checkpoint", plan->checkpoint); !written) return written;
    if (plan->clean)
        if (auto written = write_sealed(root, "CLEAN", clean_text(plan->checkpoint)); !written)
            return written;
    if (auto gone = root.remove(repair_plan_name); !gone) return gone;
    return root.sync();
}

}  // namespace fulmar
