"""The whole job: a plate and keyframe mattes in, mattes for every frame out."""
