/* make_raw_scorers.c: scores of an RGB image, a MONO16 one, and orientation/1.jpg to 8.jpg as stored. */
static const float raw_scores[2][10] = {
    {44.1024208f, 178.29805f, 274.466064f, 213.763138f, 300.72052f, 190.546707f, 183.698456f, 141.481369f, 181.578568f, 162.282394f, },
    {17.5108013f, 6.84712982f, 35.1162415f, 22.561657f, 27.9288845f, 29.3584671f, 30.7538223f, 15.5820189f, 17.26758f, 19.8263245f, },
};
