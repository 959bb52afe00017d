//! Several aggregates side by side.

use crate::element::Element;

use super::Aggregate;

macro_rules! tuples_of_aggregates {
    ($(($($aggregate:ident $index:tt),+))*) => {$(
        impl<Elem: Element, $($aggregate: Aggregate<Elem>),+> Aggregate<Elem>
            for ($($aggregate,)+)
        {
            type Columns = ($($aggregate::Columns,)+);
            type Output = ($($aggregate::Output,)+);

            fn describe(&self, out: &mut String) {
                out.push('(');
                $(
                    if $index > 0 {
                        out.push_str(", ");
                    }
                    self.$index.describe(out);
                )+
                out.push(')');
            }

            #[inline]
            fn insert(
                &self,
                columns: &mut Self::Columns,
                view: &Elem::View<'_>,
                event_time: i64,
            ) {
                $(self.$index.insert(&mut columns.$index, view, event_time);)+
            }

            #[inline]
            fn update(
                &self,
                columns: &mut Self::Columns,
                row: usize,
                view: &Elem::View<'_>,
                event_time: i64,
            ) {
                $(self.$index.update(&mut columns.$index, row, view, event_time);)+
            }

            fn merge(
                &self,
                into: &mut Self::Columns,
                row: usize,
                from: &Self::Columns,
                other: usize,
            ) {
                $(self.$index.merge(&mut into.$index, row, &from.$index, other);)+
            }

            fn finish(&self, columns: &Self::Columns, row: usize) -> Self::Output {
                ($(self.$index.finish(&columns.$index, row),)+)
            }
        }
    )*};
}

tuples_of_aggregates! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
