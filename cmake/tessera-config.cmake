# find_package(tessera CONFIG): tessera::attention (C++, static) and tessera::attention_c (C,
# shared).
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(hwy CONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/tessera-targets.cmake)
