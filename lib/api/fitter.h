/* What the files about fitters share. */
#ifndef ADI_API_FITTER_H
#define ADI_API_FITTER_H

#include "api/objects.h"

/* A fitter of settled settings; student: NULL where the method trains nothing. */
ad_status adi_fitter_make(const adi_settings *settings, ad_backbone *backbone, ad_student *student,
                          ad_fitter **out_fitter);
/* A call that changes the fitter, and keeps it until leave(). */
ad_status adi_fitter_enter(ad_fitter *fitter, const char *call);
void adi_fitter_leave(ad_fitter *fitter);

#endif
