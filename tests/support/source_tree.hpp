#pragma once

#include <filesystem>

namespace callboard {

/// The folder of this checkout, for tests that read its data files. Only source_tree.cpp is
/// compiled with its name, so that checkouts share ccache's objects of all other tests.
std::filesystem::path source_tree();

} // namespace callboard
