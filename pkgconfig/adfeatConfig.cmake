# find_package(adfeat)                      gives adfeat::adfeat, the shared library
# find_package(adfeat COMPONENTS static)    gives adfeat::adfeat_static as well
# The shared library brings what it needs with it. Who links the static one links that too, so only then
# are OpenBLAS, libjpeg, libpng, zlib and libtiff looked for.
include("${CMAKE_CURRENT_LIST_DIR}/adfeatTargets.cmake")

if("static" IN_LIST adfeat_FIND_COMPONENTS)
  include(CMakeFindDependencyMacro)
  find_dependency(Threads)
  find_dependency(JPEG)
  find_dependency(PNG)
  find_dependency(ZLIB)
  if("@ADFEAT_TIFF@") # whether this library was built with it
    find_dependency(PkgConfig)
    pkg_check_modules(ADFEAT_TIFF QUIET IMPORTED_TARGET libtiff-4)
    if(NOT ADFEAT_TIFF_FOUND)
      set(adfeat_FOUND FALSE)
      set(adfeat_NOT_FOUND_MESSAGE "the static library needs libtiff, which is not installed")
      return()
    endif()
  endif()
  # The OpenMP build where it is installed, as when the library itself was built.
  find_library(ADFEAT_OPENBLAS_LIBRARY openblas
               PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp NO_DEFAULT_PATH)
  find_library(ADFEAT_OPENBLAS_LIBRARY openblas)
  mark_as_advanced(ADFEAT_OPENBLAS_LIBRARY)
  if(NOT ADFEAT_OPENBLAS_LIBRARY)
    set(adfeat_FOUND FALSE)
    set(adfeat_NOT_FOUND_MESSAGE "the static library needs OpenBLAS, which is not installed")
    return()
  endif()
  if(NOT TARGET adfeat::openblas)
    add_library(adfeat::openblas UNKNOWN IMPORTED)
    set_target_properties(adfeat::openblas PROPERTIES IMPORTED_LOCATION "${ADFEAT_OPENBLAS_LIBRARY}")
  endif()
  include("${CMAKE_CURRENT_LIST_DIR}/adfeatStaticTargets.cmake")
  set(adfeat_static_FOUND TRUE)
endif()
foreach(part IN LISTS adfeat_FIND_COMPONENTS)
  if(NOT adfeat_${part}_FOUND AND adfeat_FIND_REQUIRED_${part})
    set(adfeat_FOUND FALSE)
    set(adfeat_NOT_FOUND_MESSAGE "there is no component '${part}', there is static")
  endif()
endforeach()
